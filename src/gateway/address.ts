import type { Context } from "hono";
import { expandIPv6 } from "hono/utils/ipaddr";

/**
 * The network that a request comes from: an IPv4 address, or the first half of an IPv6 address, which is what one
 * customer has. Written as better-auth writes the address of a session. Empty when nobody says it.
 */
export function networkOf(c: Context): string {
	return networkOfAddress(c.req.header("cf-connecting-ip") ?? "");
}

export function networkOfAddress(address: string): string {
	if (!address.includes(":")) return address;
	const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
	if (mapped) return mapped;
	const groups = expandIPv6(address.toLowerCase()).split(":").slice(0, 4);
	return [...groups, "0000", "0000", "0000", "0000"].join(":");
}

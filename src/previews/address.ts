import ipaddr from "ipaddr.js";

/** Which addresses may be asked on behalf of users: pure, and told by the address alone. */

/** Names that mean something in a private network only, or nothing at all. */
const PRIVATE_NAMES = ["localhost", "local", "internal", "home.arpa", "onion", "lan", "intranet", "corp", "home"];
const PORTS = new Set(["", "80", "443"]);

/**
 * Why an address is not asked; undefined when it may be as far as it tells by itself. What a name stands for is
 * another question: {@link isPublicAddress}.
 *
 * @param own hosts (with ports) of this service.
 */
export function refusalOf(url: URL, own: ReadonlySet<string>): string | undefined {
	if (url.protocol !== "http:" && url.protocol !== "https:") return "neither http nor https";
	if (!PORTS.has(url.port)) return "another port";
	if (url.username !== "" || url.password !== "") return "credentials";
	if (own.has(url.host)) return "our own";
	const literal = literalOf(url);
	if (literal !== undefined) return isPublicAddress(literal) ? undefined : "not a public address";
	// A dot at the end only says that the name is whole.
	const name = url.hostname.replace(/\.$/, "");
	if (!name.includes(".")) return "a name without a domain";
	if (PRIVATE_NAMES.some((each) => name === each || name.endsWith(`.${each}`))) return "a private name";
	return undefined;
}

/** The IP address that stands in place of a name: a URL has it in its one form by now, however it was written. */
export function literalOf({ hostname }: URL): string | undefined {
	if (hostname.startsWith("[")) return hostname.slice(1, -1);
	return ipaddr.IPv4.isValidFourPartDecimal(hostname) ? hostname : undefined;
}

/**
 * Whether an IP address is one of the public internet's. What stands for another address (mapped, NAT64, 6to4, Teredo)
 * is none, whatever it stands for.
 */
export function isPublicAddress(text: string): boolean {
	if (!ipaddr.isValid(text)) return false;
	const address = ipaddr.parse(text);
	if (address.range() !== "unicast") return false;
	// Of IPv6, only 2000::/3 is given out (https://www.iana.org/assignments/ipv6-address-space).
	const [first = 0] = address.toByteArray();
	return address.kind() === "ipv4" || first >> 5 === 1;
}

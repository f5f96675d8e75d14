import { z } from "@hono/zod-openapi";
import { FEATURES, type Feature } from "../gateway/features.ts";

/** The rules of remote configuration: what a flag is, and what it is for somebody. Pure. */

/** What shares are parts of: 10,000 is everybody. */
export const WHOLE = 10_000;

export const flagName = z
	.string()
	.regex(/^[a-z][a-z0-9-]{0,63}$/, "a name of lower case letters, digits and hyphens, at most 64");
const VERSION = /^\d{1,5}(?:\.\d{1,5}){0,3}$/;
export const versionSchema = z.string().regex(VERSION, "a version like 3.2.1");
export const PLATFORMS = ["ios", "android", "web"] as const;
export const platformSchema = z.enum(PLATFORMS);
const share = z.int().min(0).max(WHOLE);
const armName = flagName;
/** An account, or a device that has none. */
const subjectSchema = z.string().min(1).max(64);

/** All that is named must be so; what a client does not say fits nothing. */
const audienceSchema = z
	.strictObject({
		share: share.optional().openapi({ description: "of all, in parts of 10,000: the same ones while it grows" }),
		minVersion: versionSchema.optional(),
		platforms: z.array(platformSchema).min(1).optional(),
		countries: z
			.array(z.string().regex(/^[A-Z]{2}$/, "two capitals (ISO 3166)"))
			.min(1)
			.max(250)
			.optional(),
	})
	.optional()
	.openapi({ description: "for whom it is; everybody by default" });

const valueSchema = z.union([z.number(), z.string().max(1000)]);
const description = z.string().max(500).optional();

const switchSchema = z.strictObject({
	type: z.literal("switch"),
	on: z.boolean(),
	audience: audienceSchema,
	description,
});
const constantSchema = z.strictObject({
	type: z.literal("value"),
	value: valueSchema,
	otherwise: valueSchema.optional().openapi({ description: "for those who are not in its audience" }),
	audience: audienceSchema,
	description,
});
const experimentSchema = z.strictObject({
	type: z.literal("experiment"),
	arms: z
		.array(z.strictObject({ name: armName, weight: share }))
		.min(1)
		.max(20)
		.refine((arms) => new Set(arms.map(({ name }) => name)).size === arms.length, "names an arm twice")
		.refine((arms) => arms.reduce((sum, { weight }) => sum + weight, 0) <= WHOLE, "more than 10,000 in all"),
	overrides: z
		.array(z.strictObject({ arm: armName, ids: z.array(subjectSchema).max(1000) }))
		.max(20)
		.optional()
		.openapi({ description: "accounts and devices that get an arm whatever their share" }),
	audience: audienceSchema,
	description,
});

export const flagSchema = z.discriminatedUnion("type", [switchSchema, constantSchema, experimentSchema]);
export type Flag = z.infer<typeof flagSchema>;
export type Audience = z.infer<typeof audienceSchema>;

/** Names in order, so that the same flags are the same text. */
export const flagsSchema = z.record(flagName, flagSchema);
export type Flags = z.infer<typeof flagsSchema>;

/** How many there may be, and how many characters of JSON: every isolate keeps them all. */
export const MOST_FLAGS = 200;
export const LARGEST = 500_000;

/** The least version of a client that is still served, and that of one platform. */
const MINIMUM = "minimum-version";

/** Why a flag may not have its name; undefined when it may. */
export function faultOf(name: string, flag: Flag): { path: string; message: string } | undefined {
	if (FEATURES.includes(name as Feature)) {
		// Whether the server does something is the same for everybody, so that it can be told without asking who asks.
		if (flag.type !== "switch") return { path: "type", message: "a feature of the server wants a switch" };
		if (flag.audience) return { path: "audience", message: "a feature of the server is on or off for everybody" };
	}
	if (flag.type === "experiment") {
		const stray = (flag.overrides ?? []).findIndex(({ arm }) => !flag.arms.some(({ name }) => name === arm));
		if (stray >= 0) return { path: `overrides.${stray}.arm`, message: "not an arm of this experiment" };
	}
	if (name === MINIMUM || PLATFORMS.some((platform) => name === `${MINIMUM}-${platform}`)) {
		if (flag.type !== "value") return { path: "type", message: "a version is a value" };
		if (!VERSION.test(String(flag.value)) || typeof flag.value !== "string")
			return { path: "value", message: "a version like 3.2.1" };
	}
	return undefined;
}

/** Who asks: all but `id` as the client says, or as Cloudflare does. */
export interface Client {
	/** An account, or a device that has none. */
	readonly id: string;
	readonly platform: (typeof PLATFORMS)[number] | undefined;
	readonly version: string | undefined;
	/** ISO 3166, two capitals. */
	readonly country: string | undefined;
}

/** What the flags are for a client. */
export interface Evaluated {
	/** Switches and values; a value that is not for this client and has nothing else to be is left out. */
	flags: Record<string, boolean | number | string>;
	/** The arm of each experiment that the client is in. */
	experiments: Record<string, string>;
	minimumVersion: string | null;
}

export function evaluate(flags: Flags, client: Client): Evaluated {
	const evaluated: Evaluated = { flags: {}, experiments: {}, minimumVersion: null };
	for (const [name, flag] of Object.entries(flags)) {
		const meant = isIn(name, flag.audience, client);
		if (flag.type === "experiment") {
			const arm = meant ? armOf(name, flag, client.id) : undefined;
			if (arm !== undefined) evaluated.experiments[name] = arm;
			continue;
		}
		const value = flag.type === "switch" ? flag.on && meant : meant ? flag.value : flag.otherwise;
		if (value !== undefined) evaluated.flags[name] = value;
	}
	const own = client.platform && evaluated.flags[`${MINIMUM}-${client.platform}`];
	const minimum = own ?? evaluated.flags[MINIMUM];
	if (typeof minimum === "string") evaluated.minimumVersion = minimum;
	return evaluated;
}

/** Whether a feature of the server is switched off. */
export function isSwitchedOff(flags: Flags, feature: Feature): boolean {
	const flag = flags[feature];
	return flag?.type === "switch" && !flag.on;
}

/**
 * The arm of an experiment for an account or device; undefined for those that are in none. It depends on the name of
 * the experiment and on the id alone, so that no other experiment moves anybody. Shares are dealt out in the order of
 * the arms: a last arm that grows takes nobody out of the others.
 */
export function armOf(
	name: string,
	{ arms, overrides = [] }: Pick<z.infer<typeof experimentSchema>, "arms" | "overrides">,
	id: string,
): string | undefined {
	const given = overrides.find(({ ids }) => ids.includes(id));
	if (given) return given.arm;
	let place = placeOf(`experiment/${name}`, id);
	for (const arm of arms) {
		if (place < arm.weight) return arm.name;
		place -= arm.weight;
	}
	return undefined;
}

function isIn(name: string, audience: Audience, { id, platform, version, country }: Client): boolean {
	if (audience === undefined) return true;
	const { share, minVersion, platforms, countries } = audience;
	if (platforms && !(platform && platforms.includes(platform))) return false;
	if (countries && !(country && countries.includes(country))) return false;
	if (minVersion !== undefined && !(version && compareVersions(version, minVersion) >= 0)) return false;
	return share === undefined || placeOf(`share/${name}`, id) < share;
}

/** Below 0 when `a` is older than `b`; 1.2 is 1.2.0. */
export function compareVersions(a: string, b: string): number {
	const [left, right] = [a, b].map((version) => version.split(".").map(Number));
	for (let at = 0; at < 4; at++) {
		const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
		if (difference !== 0) return difference;
	}
	return 0;
}

/** Where in 0 to 9,999 an id comes to stand for a question: the same each time, and for another question anywhere else. */
export function placeOf(question: string, id: string): number {
	return mixed(hashOf(`${question}/${id}`)) % WHOLE;
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(text: string): number {
	let hash = 0x811c9dc5;
	for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
	return hash;
}

/** The last step of MurmurHash3: FNV alone leaves ids that differ in their last character near each other. */
function mixed(hash: number): number {
	let bits = hash;
	bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
	bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
	return (bits ^ (bits >>> 16)) >>> 0;
}

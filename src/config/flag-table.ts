import { z } from "zod";
import type { Kept } from "../cache/layer.ts";
import { Layered, type LayeredOptions } from "../cache/layered.ts";
import { type Flag, type Flags, flagSchema, flagsSchema, LARGEST, MOST_FLAGS } from "./flag.ts";

/** The flags that are in force, and the number of their last change; 0 before the first one. */
export const versionedFlagsSchema = z.object({ version: z.int().min(0), flags: flagsSchema });
export type VersionedFlags = z.infer<typeof versionedFlagsSchema>;

/** What one change did: null where there was no flag before or is none after it. */
export interface FlagChange {
	readonly version: number;
	readonly name: string;
	readonly before: Flag | null;
	readonly after: Flag | null;
	/** An account, or `operator` for whoever knows the secret. */
	readonly actor: string;
	/** Unix milliseconds. */
	readonly at: number;
}

/** Thrown when others were faster time after time. */
export class FlagsContended extends Error {}
/** Thrown when there would be more flags than isolates keep. */
export class TooManyFlags extends Error {}

/** Tries of a change, each after somebody else's was faster. */
const TRIES = 10;

/** The flags in the identity database: each change is a new version of all of them, beside who made it and when. */
export class FlagTable {
	readonly #database: D1Database;
	readonly #now: () => number;

	constructor(database: D1Database, now: () => number) {
		this.#database = database;
		this.#now = now;
	}

	async read(): Promise<VersionedFlags> {
		const row = await this.#database
			.prepare("SELECT version, document FROM flag_versions ORDER BY version DESC LIMIT 1")
			.first<{ version: number; document: string }>();
		return row
			? { version: row.version, flags: flagsSchema.parse(JSON.parse(row.document)) }
			: { version: 0, flags: {} };
	}

	/**
	 * Changes one flag, or takes it away. What is so already changes nothing, so that a call may be made again.
	 * @throws FlagsContended, TooManyFlags
	 */
	async set(name: string, flag: Flag | null, actor: string): Promise<VersionedFlags> {
		return this.#change(actor, async () => ({ name, flag }));
	}

	/**
	 * Has a flag be again what it was before a change, by default before the last one. That is a change as well, so
	 * that it can be undone.
	 * @returns undefined when there is no such change
	 * @throws FlagsContended, TooManyFlags
	 */
	async undo(version: number | undefined, actor: string): Promise<VersionedFlags | undefined> {
		let found = true;
		const after = await this.#change(actor, async ({ version: last }) => {
			const wanted = version ?? last;
			const [change] = await this.history(wanted + 1, 1);
			found = change?.version === wanted;
			return found && change ? { name: change.name, flag: change.before } : undefined;
		});
		return found ? after : undefined;
	}

	/** Changes with a number below `before`, the last one first. */
	async history(before: number, limit: number): Promise<FlagChange[]> {
		const { results } = await this.#database
			.prepare(
				`SELECT v.version, v.name, v.actor, v.at,
					json_extract(v.document, '$."' || v.name || '"') AS "after",
					json_extract(p.document, '$."' || v.name || '"') AS "before"
				FROM flag_versions v LEFT JOIN flag_versions p ON p.version = v.version - 1
				WHERE v.version < ?1 ORDER BY v.version DESC LIMIT ?2`,
			)
			.bind(before, limit)
			.all<Omit<FlagChange, "before" | "after"> & { before: string | null; after: string | null }>();
		const flagOf = (text: string | null) => (text === null ? null : flagSchema.parse(JSON.parse(text)));
		return results.map((row) => ({ ...row, before: flagOf(row.before), after: flagOf(row.after) }));
	}

	async #change(
		actor: string,
		decide: (current: VersionedFlags) => Promise<{ name: string; flag: Flag | null } | undefined>,
	): Promise<VersionedFlags> {
		for (let tries = 0; tries < TRIES; tries++) {
			const current = await this.read();
			const change = await decide(current);
			if (change === undefined) return current;
			const flags = withFlag(current.flags, change.name, change.flag);
			const document = JSON.stringify(flags);
			if (document === JSON.stringify(current.flags)) return current;
			if (Object.keys(flags).length > MOST_FLAGS || document.length > LARGEST) throw new TooManyFlags();
			const next = { version: current.version + 1, flags };
			const { meta } = await this.#database
				.prepare(
					`INSERT INTO flag_versions (version, document, name, actor, at)
					SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?1 = 1 + coalesce((SELECT max(version) FROM flag_versions), 0)`,
				)
				.bind(next.version, document, change.name, actor, this.#now())
				.run();
			if (meta.changes > 0) return next;
		}
		throw new FlagsContended();
	}
}

/** In the order of their names, so that the same flags are the same text. */
function withFlag(flags: Flags, name: string, flag: Flag | null): Flags {
	const others = Object.entries(flags).filter(([other]) => other !== name);
	const all: [string, Flag][] = flag === null ? others : [...others, [name, flagSchema.parse(flag)]];
	return Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Milliseconds for which isolates share an answer. */
const SHARED = 1_000;
const NEWEST = "newest";

/** Where an isolate reads the flags. */
export interface FlagSource {
	/** With how old they are at most: Unix milliseconds before the store was asked. */
	read(): Promise<Kept<VersionedFlags>>;
}

/** The flags behind the caches: the isolates of a data centre ask the database about once a second, together. */
export class SharedFlags implements FlagSource {
	readonly #newest: Layered<string, VersionedFlags>;

	constructor(
		table: Pick<FlagTable, "read">,
		cache: Pick<LayeredOptions<string, VersionedFlags>, "memory" | "beyond" | "defer" | "tally" | "now">,
	) {
		this.#newest = new Layered<string, VersionedFlags>({
			...cache,
			kind: "flags",
			schema: versionedFlagsSchema,
			bound: SHARED,
			lag: () => 0,
			load: async () => new Map([[NEWEST, await table.read()]]),
		});
	}

	async read(): Promise<Kept<VersionedFlags>> {
		const kept = (await this.#newest.many([NEWEST])).get(NEWEST);
		if (kept === undefined) throw new Error("there are always flags, if none");
		return kept;
	}
}

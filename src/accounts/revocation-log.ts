import { z } from "zod";
import type { Kept } from "../cache/layer.ts";
import { Layered, type LayeredOptions } from "../cache/layered.ts";
import type { Revocation, RevocationLog, RevocationNews } from "../gateway/revocations.ts";

/** The log in the identity database, read where it is written: what has a lower number was there before. */
export class RevocationTable implements RevocationLog {
	readonly #database: D1Database;
	readonly #now: () => number;

	constructor(database: D1Database, now: () => number) {
		this.#database = database;
		this.#now = now;
	}

	async since(after: number): Promise<Kept<RevocationNews>> {
		const asOf = this.#now();
		const { results } = await this.#database
			.prepare(
				`SELECT seq, subject, issued_before AS issuedBefore, until FROM revocations
				WHERE seq > ?1 AND until > ?2 ORDER BY seq`,
			)
			.bind(after, asOf)
			.all<Revocation & { seq: number }>();
		const revocations = results.map(({ seq: _, ...revocation }) => revocation);
		return { asOf, value: { last: results.at(-1)?.seq ?? after, revocations } };
	}
}

/** Milliseconds for which isolates share an answer. */
const SHARED = 1_000;
/** Numbers are asked for from the beginning of their block, so that all who are nearly up to date ask the same. */
const BLOCK = 64;

const newsSchema = z.object({
	last: z.int().min(0),
	revocations: z.array(z.object({ subject: z.string(), issuedBefore: z.int().nullable(), until: z.int() })),
});

/** The log behind the caches: the isolates of a data centre ask the database about once a second, together. */
export class SharedRevocations implements RevocationLog {
	readonly #blocks: Layered<string, RevocationNews>;

	constructor(
		log: RevocationLog,
		cache: Pick<LayeredOptions<string, RevocationNews>, "memory" | "beyond" | "defer" | "tally" | "now">,
	) {
		this.#blocks = new Layered<string, RevocationNews>({
			...cache,
			kind: "revocations",
			schema: newsSchema,
			bound: SHARED,
			lag: () => 0,
			load: async (blocks) =>
				new Map(
					await Promise.all(blocks.map(async (block) => [block, (await log.since(Number(block))).value] as const)),
				),
		});
	}

	async since(after: number): Promise<Kept<RevocationNews>> {
		const block = String(after - (after % BLOCK));
		const kept = (await this.#blocks.many([block])).get(block);
		if (kept === undefined) throw new Error("there is a block of revocations after every number");
		return kept;
	}
}

import type { AuditTrail } from "../audit-entry.ts";
import { reportFailure } from "../report.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { type Doorbell, promiseOnce } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";

/** The parts of an archive, in order; `docs/export.md` says what is in each. */
export const SECTIONS = [
	"account",
	"profile",
	"posts",
	"media",
	"comments",
	"likes",
	"relations",
	"marker",
	"sessions",
] as const;
export type Section = (typeof SECTIONS)[number];

/** Those that are one value and not a list. */
const SINGLE: ReadonlySet<Section> = new Set(["account", "profile", "marker"]);

export interface Export {
	id: Id;
	account: Id;
	state: "making" | "ready";
	/** Unix milliseconds. */
	requestedAt: number;
	/** Unix milliseconds; null until then. */
	readyAt: number | null;
	/** How many parts each section has in the bucket. */
	parts: Partial<Record<Section, number>>;
}

export interface ExportsOptions {
	database: D1Database;
	bucket: R2Bucket;
	shards: Shards;
	doorbell: Pick<Doorbell, "ring">;
	minter: IdMinter;
	auditLog: AuditTrail;
	now: () => number;
}

/** Milliseconds for which an archive that is ready is kept. */
export const EXPORT_LIFETIME = 7 * 86_400_000;
/** Milliseconds until an export that should be ready is promised again. */
const PROMISE_AGAIN = 3_600_000;
/** Rows that one round of the sweeper takes, and objects that are deleted at once. */
const ROUND = 100;
const OBJECTS = 1000;

type Row = Omit<Export, "parts"> & { parts: string };

/** The archives that accounts have asked for: rows in the identity database, their parts in a bucket. */
export class Exports {
	readonly #options: ExportsOptions;

	constructor(options: ExportsOptions) {
		this.#options = options;
	}

	/** Asks for an archive, or finds the one that is being made. */
	async request(account: Id): Promise<Export> {
		const { auditLog, database, doorbell, minter, now, shards } = this.#options;
		await auditLog.record({ act: "account_export", actor: account, subject: account });
		const at = now();
		const [, found] = await database.batch<Row>([
			database
				.prepare(
					`INSERT INTO exports (id, account, state, requested_at, due_at) VALUES (?, ?, 'making', ?, ?)
					ON CONFLICT DO NOTHING`,
				)
				.bind(minter.mint(logicalShardOf(account)), account, at, at + PROMISE_AGAIN),
			database.prepare(`${SELECT} WHERE account = ? AND state = 'making'`).bind(account),
		]);
		const [row] = found?.results ?? [];
		if (!row) throw new Error("an export was not noted");
		await promiseOnce(shards, { id: row.id, task: { kind: "export", accountId: account } }, at);
		await doorbell.ring([row.id]);
		return read(row);
	}

	async find(account: Id, id: Id): Promise<Export | undefined> {
		const row = await this.#options.database
			.prepare(`${SELECT} WHERE id = ? AND account = ?`)
			.bind(id, account)
			.first<Row>();
		return row && (row.readyAt === null || row.readyAt + EXPORT_LIFETIME > this.#options.now()) ? read(row) : undefined;
	}

	/** Keeps a part: one value, or a list's items without brackets. The same part may be put again. */
	async put({ account, id }: Pick<Export, "account" | "id">, section: Section, part: number, text: string) {
		await this.#options.bucket.put(keyOf(account, id, section, part), text);
	}

	async ready(id: Id, parts: Export["parts"]): Promise<void> {
		const { database, now } = this.#options;
		await database
			.prepare(
				"UPDATE exports SET state = 'ready', ready_at = ?2, due_at = ?3, parts = ?4 WHERE id = ?1 AND state = 'making'",
			)
			.bind(id, now(), now() + EXPORT_LIFETIME, JSON.stringify(parts))
			.run();
	}

	/** The archive as JSON text, a part at a time. */
	async *archive({ account, id, parts }: Export): AsyncGenerator<string> {
		yield '{"format":1';
		for (const section of SECTIONS) {
			yield `,${JSON.stringify(section)}:`;
			const count = parts[section] ?? 0;
			const single = SINGLE.has(section);
			if (!single) yield "[";
			else if (count === 0) yield "null";
			for (let part = 0; part < count; part++) {
				const object = await this.#options.bucket.get(keyOf(account, id, section, part));
				if (!object) throw new Error("a part of an archive is gone");
				yield part === 0 ? await object.text() : `,${await object.text()}`;
			}
			if (!single) yield "]";
		}
		yield "}";
	}

	/** Deletes all archives of an account. */
	async forget(account: Id): Promise<void> {
		await this.#empty(`${account}/`);
		await this.#options.database.prepare("DELETE FROM exports WHERE account = ?").bind(account).run();
	}

	/** How many parts of archives an account has in the bucket: a thousand at most. */
	async count(account: Id): Promise<number> {
		return (await this.#options.bucket.list({ prefix: `${account}/` })).objects.length;
	}

	/** Deletes what is old, and promises again what should have been ready long ago. */
	async sweep(now: number): Promise<void> {
		const { database, doorbell, shards } = this.#options;
		const { results } = await database
			.prepare(`${SELECT} WHERE due_at <= ? ORDER BY due_at LIMIT ?`)
			.bind(now, ROUND)
			.all<Row>();
		for (const { account, id, state } of results) {
			try {
				if (state === "ready") {
					await this.#empty(`${account}/${id}/`);
					await database.prepare("DELETE FROM exports WHERE id = ?").bind(id).run();
					continue;
				}
				await database
					.prepare("UPDATE exports SET due_at = ? WHERE id = ?")
					.bind(now + PROMISE_AGAIN, id)
					.run();
				await promiseOnce(shards, { id, task: { kind: "export", accountId: account } }, now);
				await doorbell.ring([id]);
			} catch (error) {
				reportFailure("an export was not swept", error, { export: id });
			}
		}
	}

	async #empty(prefix: string): Promise<void> {
		const { bucket } = this.#options;
		for (let more = true; more; ) {
			const { objects, truncated } = await bucket.list({ prefix, limit: OBJECTS });
			if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
			more = truncated;
		}
	}
}

const SELECT = `SELECT id, account, state, requested_at AS requestedAt, ready_at AS readyAt, parts FROM exports`;

function read({ parts, ...row }: Row): Export {
	return { ...row, parts: JSON.parse(parts) };
}

function keyOf(account: Id, id: Id, section: Section, part: number): string {
	return `${account}/${id}/${section}/${part}`;
}

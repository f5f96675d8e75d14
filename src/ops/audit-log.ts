import type { AuditEntry, AuditTrail } from "../audit-entry.ts";
import { hmac } from "../digest.ts";

/** An entry as it is kept. */
export interface KeptEntry extends AuditEntry {
	/** Its number, which only grows. */
	seq: number;
	/** Unix milliseconds. */
	at: number;
}

/** Which entries are wanted: what is left out does not matter. */
export interface AuditFilter {
	act?: string | undefined;
	actor?: string | undefined;
	subject?: string | undefined;
	/** Unix milliseconds, exclusive. */
	before?: number | undefined;
}

export interface AuditLogOptions {
	database: D1Database;
	/** The service's own, at least 32 characters. */
	secret: string;
	/** Milliseconds for which an entry is kept. */
	keep: number;
	now: () => number;
}

interface Row {
	seq: number;
	at: number;
	act: string;
	actor: string;
	subject: string | null;
	request_id: string | null;
	detail: string | null;
}

/** Characters of what stands for an address. */
const MARK = 16;
/** Entries that one statement deletes, and statements of one round. */
const OLD = 1000;
const ROUNDS = 20;

/** Who did what, in the identity database: entries are added, and go when they are old. */
export class AuditLog implements AuditTrail {
	readonly #options: AuditLogOptions;

	constructor(options: AuditLogOptions) {
		this.#options = options;
	}

	async record({ act, actor, subject, requestId, detail }: AuditEntry): Promise<void> {
		const { database, now } = this.#options;
		await database
			.prepare("INSERT INTO audit_log (at, act, actor, subject, request_id, detail) VALUES (?, ?, ?, ?, ?, ?)")
			.bind(now(), act, actor, subject ?? null, requestId ?? null, detail ? JSON.stringify(detail) : null)
			.run();
	}

	async mark(address: string): Promise<string> {
		return hmac(`audit-log:${this.#options.secret}`, address).slice(0, MARK);
	}

	/** Latest first, from the entry with the number `from` (exclusive). */
	async list(filter: AuditFilter, from: number | undefined, limit: number): Promise<KeptEntry[]> {
		const wanted: [condition: string, value: string | number | undefined][] = [
			["act = ?", filter.act],
			["actor = ?", filter.actor],
			["subject = ?", filter.subject],
			["at < ?", filter.before],
			["seq < ?", from],
		];
		const given = wanted.filter(([, value]) => value !== undefined);
		const where = given.length > 0 ? `WHERE ${given.map(([condition]) => condition).join(" AND ")}` : "";
		const { results } = await this.#options.database
			.prepare(
				`SELECT seq, at, act, actor, subject, request_id, detail FROM audit_log ${where} ORDER BY seq DESC LIMIT ?`,
			)
			.bind(...given.map(([, value]) => value), limit)
			.all<Row>();
		return results.map(({ seq, at, act, actor, subject, request_id: requestId, detail }) => ({
			seq,
			at,
			act,
			actor,
			...(subject === null ? {} : { subject }),
			...(requestId === null ? {} : { requestId }),
			...(detail === null ? {} : { detail: JSON.parse(detail) }),
		}));
	}

	/** Deletes what is older than entries are kept. @returns how many there were. */
	async sweep(now: number): Promise<number> {
		const { database, keep } = this.#options;
		const old = database
			.prepare("DELETE FROM audit_log WHERE seq IN (SELECT seq FROM audit_log WHERE at < ? ORDER BY at LIMIT ?)")
			.bind(now - keep, OLD);
		let deleted = 0;
		for (let round = 0; round < ROUNDS; round++) {
			const { meta } = await old.run();
			deleted += meta.changes;
			if (meta.changes < OLD) break;
		}
		return deleted;
	}
}

import { APIError } from "better-auth/api";
import { verifyPassword } from "better-auth/crypto";
import type { AuditTrail } from "../audit-entry.ts";
import { Problem } from "../gateway/problem.ts";
import { HIDDEN } from "../gateway/tokens.ts";
import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { type Doorbell, promiseOnce } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { Sessions } from "./sessions.ts";
import type { AccountStore } from "./store.ts";

/**
 * What has become of an account. All but `active` hide it:
 *
 * - `deactivated`: by its owner; she comes back by signing in;
 * - `leaving`: to be erased when the time of grace is over; she may sign in, and nothing else before she has taken
 *   it back;
 * - `erasing`: there is no way back, and no signing in.
 */
export type LifeState = "active" | "deactivated" | "leaving" | "erasing";

export interface Life {
	state: LifeState;
	/** Grows with every change; odd while the account is hidden. */
	version: number;
	/** Since when it is so, in Unix milliseconds; 0 when it always was. */
	since: number;
	/** When the erasure begins: Unix milliseconds, null unless it is `leaving`. */
	eraseAt: number | null;
}

export interface LivesOptions {
	database: D1Database;
	sessions: Pick<Sessions, "endAll">;
	accounts: Pick<AccountStore, "setHidden">;
	shards: Shards;
	doorbell: Pick<Doorbell, "ring">;
	minter: IdMinter;
	auditLog: AuditTrail;
	/** Milliseconds between a deletion and the erasure. */
	grace: number;
	now: () => number;
}

interface Row extends Life {
	account: Id;
	job: Id | null;
}

const ALWAYS_ACTIVE: Life = { state: "active", version: 0, since: 0, eraseAt: null };

/** After so long, in milliseconds, a change is settled by the sweeper; it is also how long who is to be erased is hidden at least. */
const SETTLE_AFTER = 60_000;
/** Milliseconds until an erasure that should have ended long ago is promised again. */
const PROMISE_AGAIN = 3_600_000;
/** A session that began within so many milliseconds has just shown who she is. */
const FRESH = 300_000;
/** Rows that one round of the sweeper takes. */
const ROUND = 200;

/**
 * The lives of accounts, in the identity database. A change is decided there, in one statement, and then settled: the
 * sessions are ended and the profile is hidden or shown on its shard. Settling takes nothing but the account and can
 * be repeated; whoever dies before it is done leaves it to the sweeper.
 */
export class Lives {
	readonly #options: LivesOptions;

	constructor(options: LivesOptions) {
		this.#options = options;
	}

	async of(account: Id): Promise<Life> {
		return (await this.#row(account)) ?? ALWAYS_ACTIVE;
	}

	/** What the access tokens of an account say of it beside other things. */
	async claims(account: Id): Promise<{ life?: typeof HIDDEN }> {
		return (await this.of(account)).state === "active" ? {} : { life: HIDDEN };
	}

	/**
	 * Before a session begins: whoever had deactivated her account has it back.
	 *
	 * @throws APIError as for a wrong password when the account is being erased
	 */
	async signingIn(account: Id): Promise<void> {
		const { state } = await this.of(account);
		if (state === "erasing") throw new APIError("UNAUTHORIZED", { code: "INVALID_EMAIL_OR_PASSWORD" });
		if (state === "deactivated") await this.reactivate(account);
	}

	/** Hides an account and ends its sessions. @throws Problem `account_deactivated` when it is to be erased */
	async deactivate(account: Id): Promise<Life> {
		await this.#options.auditLog.record({ act: "account_deactivated", actor: account, subject: account });
		return this.#change(account, "deactivated", ["active", "deactivated"], null);
	}

	/** Takes a deactivation or a deletion back. @throws Problem `account_not_found` when it is too late */
	async reactivate(account: Id): Promise<Life> {
		const life = await this.of(account);
		if (life.state === "active") return life;
		await this.#options.auditLog.record({ act: "account_reactivated", actor: account, subject: account });
		return this.#change(account, "active", ["active", "deactivated", "leaving"], null);
	}

	/** Hides an account, ends its sessions, and has it erased when the time of grace is over. */
	async leave(account: Id): Promise<Life> {
		const { auditLog, grace, now } = this.#options;
		const life = await this.of(account);
		if (life.state === "leaving") return life;
		const eraseAt = now() + Math.max(grace, SETTLE_AFTER);
		const detail = { eraseAt: new Date(eraseAt).toISOString() };
		await auditLog.record({ act: "account_deleted", actor: account, subject: account, detail });
		return this.#change(account, "leaving", ["active", "deactivated"], eraseAt);
	}

	/**
	 * Makes sure that it is the owner who asks for what cannot be undone.
	 *
	 * @param session that of her access token
	 * @throws Problem `invalid_credentials` or `reauthentication_required`
	 */
	async confirm(account: Id, session: string, password: string | undefined): Promise<void> {
		const { auditLog, database, now } = this.#options;
		const [passwords, sessions] = await database.batch<{ password?: string; createdAt?: string }>([
			database.prepare("SELECT password FROM account WHERE userId = ? AND password IS NOT NULL").bind(account),
			database.prepare("SELECT createdAt FROM session WHERE id = ? AND userId = ?").bind(session, account),
		]);
		const hash = passwords?.results[0]?.password;
		if (hash === undefined) return;
		if (password !== undefined) {
			if (await verifyPassword({ hash, password })) return;
			await auditLog.record({ act: "confirmation_refused", actor: account, subject: account });
			throw new Problem("invalid_credentials");
		}
		const began = Date.parse(sessions?.results[0]?.createdAt ?? "");
		if (!(now() - began < FRESH)) throw new Problem("reauthentication_required");
	}

	/** Settles what was left unsettled, and begins the erasures whose time has come. @returns how many accounts were looked at. */
	async sweep(now: number): Promise<number> {
		const { results } = await this.#options.database
			.prepare("SELECT account FROM lives WHERE due_at <= ? ORDER BY due_at LIMIT ?")
			.bind(now, ROUND)
			.all<{ account: Id }>();
		for (const { account } of results) {
			try {
				await this.#tend(account, now);
			} catch (error) {
				reportFailure("an account's life was not settled", error, { account: nameInLog(account) });
				await this.#putOff(account, now + SETTLE_AFTER).catch(() => undefined);
			}
		}
		return results.length;
	}

	/** All that is kept of an account's credentials, her names and this, in one atomic batch: the last step of an erasure. */
	async forget(account: Id): Promise<void> {
		const { database, auditLog } = this.#options;
		await auditLog.record({ act: "account_erased", actor: "nobody", subject: account });
		const email = "(SELECT email FROM user WHERE id = ?1)";
		await database.batch([
			// A verification names whom it is for in its value or its identifier, by id or address.
			database
				.prepare(
					`DELETE FROM verification WHERE instr(identifier, ?1) > 0 OR instr(value, ?1) > 0
					OR lower(identifier) = ${email} OR lower(value) = ${email}
					OR lower(identifier) LIKE '%-' || ${email} OR lower(identifier) LIKE '%:' || ${email}
					OR instr(lower(value), '"' || ${email} || '"') > 0`,
				)
				.bind(account),
			database.prepare(`DELETE FROM emails WHERE recipient = ${email}`).bind(account),
			// Sessions, credentials and whatever else refers to it go with it.
			database.prepare("DELETE FROM user WHERE id = ?").bind(account),
			database.prepare("DELETE FROM lives WHERE account = ?").bind(account),
		]);
	}

	async #tend(account: Id, now: number): Promise<void> {
		const life = await this.#row(account);
		if (!life) return;
		if (life.state === "leaving" && (life.eraseAt ?? now) <= now) return this.#beginErasing(account, now);
		if (life.state === "erasing") return this.#promiseErasure(life, now);
		await this.#settle(account);
	}

	/** So that those who cannot be dealt with now do not stand before the others. */
	async #putOff(account: Id, until: number): Promise<void> {
		await this.#options.database
			.prepare("UPDATE lives SET due_at = ?2 WHERE account = ?1 AND due_at < ?2")
			.bind(account, until)
			.run();
	}

	/** The erasure itself begins a round later, when no request from before can be under way any more. */
	async #beginErasing(account: Id, now: number): Promise<void> {
		const { database, minter } = this.#options;
		await database
			.prepare(
				`UPDATE lives SET state = 'erasing', since = ?2, version = version + 2, job = ?3, due_at = ?4
				WHERE account = ?1 AND state = 'leaving' AND erase_at <= ?2`,
			)
			.bind(account, now, minter.mint(logicalShardOf(account)), now + SETTLE_AFTER)
			.run();
	}

	async #promiseErasure({ account, job }: Row, now: number): Promise<void> {
		const { database, shards, doorbell } = this.#options;
		if (job === null) throw new Error("an erasure without a job");
		await promiseOnce(shards, { id: job, task: { kind: "erase", accountId: account } }, now);
		await database
			.prepare("UPDATE lives SET due_at = ? WHERE account = ? AND state = 'erasing'")
			.bind(now + PROMISE_AGAIN, account)
			.run();
		await doorbell.ring([job]);
	}

	/** @throws Problem `account_deactivated`, or `account_not_found` when it is being erased, if it is in none of the states `from` */
	async #change(account: Id, to: LifeState, from: readonly LifeState[], eraseAt: number | null): Promise<Life> {
		const { database, now } = this.#options;
		const next = to === "active" ? "version + 1 + (version + 1) % 2" : "version + 1 + version % 2";
		const states = from.map((state) => `'${state}'`).join();
		const [, changed] = await database.batch<Pick<Life, "state">>([
			database
				.prepare("INSERT INTO lives (account, state, version, since) VALUES (?, 'active', 0, 0) ON CONFLICT DO NOTHING")
				.bind(account),
			// What is so already stays as it is, and is settled once more.
			database
				.prepare(
					`UPDATE lives SET state = ?2, version = CASE state WHEN ?2 THEN version ELSE ${next} END,
						since = CASE state WHEN ?2 THEN since ELSE ?3 END, erase_at = ?4, due_at = ?5
					WHERE account = ?1 AND state IN (${states}) RETURNING state`,
				)
				.bind(account, to, now(), eraseAt, now() + SETTLE_AFTER),
		]);
		if (changed?.results.length) return this.#settle(account);
		throw new Problem((await this.of(account)).state === "erasing" ? "account_not_found" : "account_deactivated");
	}

	/** Makes sessions and profile agree with the state, however often that changes meanwhile. */
	async #settle(account: Id): Promise<Life> {
		const { database, sessions, accounts } = this.#options;
		for (;;) {
			const life = await this.of(account);
			if (life.state !== "active") await sessions.endAll(account);
			await accounts.setHidden(account, life.version);
			const settled = await database
				.prepare(
					`UPDATE lives SET due_at = CASE state WHEN 'leaving' THEN erase_at ELSE NULL END
					WHERE account = ? AND version = ? AND state <> 'erasing' RETURNING 1`,
				)
				.bind(account, life.version)
				.all();
			if (settled.results.length > 0) return life;
			const { state, version } = await this.of(account);
			if (state === "erasing" || version === 0) return life;
		}
	}

	async #row(account: Id): Promise<Row | undefined> {
		const row = await this.#options.database
			.prepare(`SELECT account, state, version, since, erase_at AS eraseAt, job FROM lives WHERE account = ?`)
			.bind(account)
			.first<Row>();
		return row ?? undefined;
	}
}

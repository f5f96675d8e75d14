import type { Kept } from "../cache/layer.ts";
import type { Metrics } from "../metrics.ts";
import { reportFailure } from "../report.ts";
import { LiveCopy, OLDEST } from "./live-copy.ts";
import { Problem } from "./problem.ts";

/** Access tokens that ended before they expired. */
export interface Revocation {
	/** A session, all of whose tokens ended; or, when `issuedBefore` is a number, an account. */
	subject: string;
	/** Unix seconds: the account's tokens from before this second ended. */
	issuedBefore: number | null;
	/** Unix milliseconds: the last of the tokens has expired by then. */
	until: number;
}

/** Where revocations are kept: each has a number, which only grows. */
export interface RevocationLog {
	/** The revocations with a number above `after`, and perhaps some below, whose tokens may still be about. */
	since(after: number): Promise<Kept<RevocationNews>>;
}

export interface RevocationNews {
	/** The greatest number that is known with these. */
	last: number;
	revocations: readonly Revocation[];
}

/** What a token says that a revocation can name. */
export interface Revocable {
	session: string;
	viewer: string;
	/** Unix seconds. */
	issuedAt: number;
}

export interface RevocationsOptions {
	log: RevocationLog;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	metrics: Pick<Metrics, "add">;
	now: () => number;
}

/** Milliseconds that a read may take. */
const PATIENCE = 2_000;

/**
 * The revocations that this isolate knows of.
 *
 * A revoked token is refused everywhere at most 5 s after its revocation was answered: whoever decides has a list
 * of what the store said less than 4 s ago ({@link LiveCopy}; the second for which isolates share an answer is in it,
 * and adds nothing), and the clock of whoever asked it may differ by a second.
 *
 * When the store cannot be asked, the last list stays in force: nobody can end a session or be given a token while
 * the store is down, so what the list may lack are the last seconds before, and what it lets through expires within
 * the lifetime of a token. An isolate that has never had a list lets nobody in, as it cannot have the keys either.
 */
export class Revocations {
	readonly #now: () => number;
	readonly #copy: LiveCopy;
	/** A session's id and until when it matters; in about the order of the latter. */
	readonly #sessions = new Map<string, number>();
	readonly #accounts = new Map<string, { issuedBefore: number; until: number }>();
	#last = 0;

	constructor({ log, defer, metrics, now }: RevocationsOptions) {
		this.#now = now;
		this.#copy = new LiveCopy({
			name: "the revocations",
			read: async () => {
				const { asOf, value } = await log.since(this.#last);
				this.add(value.revocations);
				this.#last = Math.max(this.#last, value.last);
				this.#forget();
				return asOf;
			},
			patience: PATIENCE,
			dispensable: false,
			failed: (error, age) => {
				if (age >= OLDEST && age < Number.POSITIVE_INFINITY) metrics.add("revocations_stale", age / 1000);
				reportFailure("the revocations could not be read", error);
			},
			defer,
			now,
		});
	}

	/** How many are known. */
	get size(): number {
		return this.#sessions.size + this.#accounts.size;
	}

	/** Whether the list can be decided by as it is; a newer one is fetched when it is no longer quite fresh. */
	current(): boolean {
		return this.#copy.current();
	}

	/**
	 * Waits until there is a list to decide by.
	 * @throws Problem `unavailable` when there has never been one
	 */
	async fresh(): Promise<void> {
		await this.#copy.fresh();
		if (!this.#copy.exists) throw new Problem("unavailable");
	}

	has({ session, viewer, issuedAt }: Revocable): boolean {
		if (this.#sessions.has(session)) return true;
		const account = this.#accounts.get(viewer);
		return account !== undefined && issuedAt < account.issuedBefore;
	}

	/** In force here from now on. */
	add(revocations: readonly Revocation[]): void {
		for (const { subject, issuedBefore, until } of revocations) {
			if (issuedBefore === null) {
				this.#sessions.set(subject, until);
				continue;
			}
			const known = this.#accounts.get(subject);
			if (known && known.issuedBefore >= issuedBefore) continue;
			this.#accounts.delete(subject);
			this.#accounts.set(subject, { issuedBefore, until });
		}
	}

	#forget(): void {
		const now = this.#now();
		for (const [session, until] of this.#sessions) {
			if (until > now) break;
			this.#sessions.delete(session);
		}
		for (const [account, { until }] of this.#accounts) {
			if (until > now) break;
			this.#accounts.delete(account);
		}
	}
}

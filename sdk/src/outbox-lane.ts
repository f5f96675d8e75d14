import { choose, type Entry } from "./outbox-entry.ts";
import { failed, retryAfterOf, type Sending, take } from "./outbox-sender.ts";
import type { OutboxStore } from "./outbox-store.ts";
import type { MadePost, OutboxParts } from "./outbox-types.ts";
import { waitAfter } from "./retry.ts";

/** Milliseconds between attempts. */
const PAUSES = { first: 1000, longest: 300_000 };

export interface LaneParts<P extends MadePost>
	extends Pick<OutboxParts<P>, "after" | "locks" | "now" | "offline" | "random"> {
	/** The lock that one tab at a time holds to send. */
	lockOf: (kept: OutboxStore) => string;
	/** What is in the lane, in the order of its making. */
	entries: () => readonly Entry[];
	/** Reads what is kept: another tab may have changed it. */
	reload: (kept: OutboxStore) => Promise<void>;
	sending: (kept: OutboxStore, signal: AbortSignal) => Sending<P>;
	/** Another entry is being sent, or none. */
	changed: () => void;
}

/**
 * Entries that are sent one after the other in the order of their making, by one tab at a time. What does not depend on
 * each other's order is in lanes of its own, so that nothing waits for what takes long beside it.
 */
export class Lane<P extends MadePost> {
	readonly #parts: LaneParts<P>;
	/** Of which account what is sent, and until when; null: nothing is. */
	#open: { kept: OutboxStore; signal: AbortSignal } | null = null;
	#active: string | null = null;
	/** Cancelled entries that could not go on, and until when they rest: nobody waits for them. */
	readonly #resting = new Map<string, number>();
	#failures = 0;
	#wanted = false;
	#running = false;
	#callOff: (() => void) | null = null;

	constructor(parts: LaneParts<P>) {
		this.#parts = parts;
	}

	/** The entry that is being sent. */
	get active(): string | null {
		return this.#active;
	}

	/** From now on sends what this account has kept, until the signal. */
	open(kept: OutboxStore, signal: AbortSignal): void {
		this.close();
		this.#open = { kept, signal };
	}

	/** Sends nothing until it is opened. */
	close(): void {
		this.#open = null;
		this.#active = null;
		this.#failures = 0;
		this.#resting.clear();
		this.#callOff?.();
		this.#callOff = null;
	}

	/** Tries to send now. @param afresh as if nothing had failed before */
	wake(afresh = false): void {
		this.#callOff?.();
		this.#callOff = null;
		if (afresh) this.#failures = 0;
		this.#wanted = true;
		if (!this.#running) void this.#run();
	}

	async #run(): Promise<void> {
		const { after, locks, lockOf } = this.#parts;
		this.#running = true;
		while (this.#wanted && this.#open) {
			this.#wanted = false;
			const { kept, signal } = this.#open;
			const pause = await locks
				.request(lockOf(kept), () => this.#drain(kept, signal))
				.catch(() => (signal.aborted ? null : this.#pause()));
			if (pause === null || signal.aborted || this.#wanted) continue;
			this.#callOff?.();
			this.#callOff = after(pause, () => this.wake());
		}
		this.#running = false;
	}

	/** Sends what can be sent. @returns after how long to try again, in milliseconds; null when nothing waits */
	async #drain(kept: OutboxStore, signal: AbortSignal): Promise<number | null> {
		const { changed, entries, now, offline, reload, sending } = this.#parts;
		if (signal.aborted) return null;
		await reload(kept);
		const way = sending(kept, signal);
		while (!signal.aborted) {
			const chosen = choose(entries(), this.#resting, now());
			if ("pause" in chosen) return chosen.pause;
			if (offline?.()) return PAUSES.longest;
			const { entry, step } = chosen;
			this.#active = entry.id;
			changed();
			try {
				await take(way, entry, step);
				if (!signal.aborted) this.#failures = 0;
			} catch (error) {
				if (signal.aborted) return null;
				const again = await failed(way, entry, step, error);
				const pause = again ? Math.max(this.#pause(), retryAfterOf(error)) : 0;
				if (again && !entry.cancelled) return pause;
				if (again) this.#resting.set(entry.id, now() + pause);
			} finally {
				if (!signal.aborted) {
					this.#active = null;
					changed();
				}
			}
		}
		return null;
	}

	#pause(): number {
		this.#failures++;
		return waitAfter(this.#failures, PAUSES, this.#parts.random());
	}
}

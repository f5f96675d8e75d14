/** A clock that stands still until it is told to go on; then everything that waits happens in order, at once. */

interface Timer {
	at: number;
	order: number;
	run: () => void;
	/** Milliseconds, of intervals. */
	every: number | undefined;
}

type Later = (run: () => void, milliseconds?: number) => unknown;

const real = {
	setTimeout: globalThis.setTimeout,
	clearTimeout: globalThis.clearTimeout,
	setInterval: globalThis.setInterval,
	clearInterval: globalThis.clearInterval,
	now: Date.now,
};
const { setImmediate: soon } = globalThis as unknown as { setImmediate: (run: () => void) => void };

/** Long enough for whatever goes on without a timer. */
const settled = () => new Promise<void>((resolve) => soon(resolve));

export class VirtualClock {
	#now = Date.UTC(2026, 0, 1);
	#order = 0;
	readonly #timers = new Map<unknown, Timer>();

	/** Takes the place of the runtime's timers and clock. */
	install(): void {
		const later = (repeat: boolean) => (run: () => void, milliseconds: number | undefined) => {
			const wait = Math.max(1, milliseconds ?? 0);
			const timer = { at: this.#now + wait, order: ++this.#order, run, every: repeat ? wait : undefined };
			this.#timers.set(timer, timer);
			return timer;
		};
		const drop = (timer: unknown) => {
			this.#timers.delete(timer);
		};
		const here = globalThis as unknown as Record<string, Later | ((timer: unknown) => void)>;
		here.setTimeout = later(false);
		here.setInterval = later(true);
		here.clearTimeout = drop;
		here.clearInterval = drop;
		Date.now = () => this.now;
	}

	uninstall(): void {
		this.#timers.clear();
		const { now, ...timers } = real;
		Object.assign(globalThis, timers);
		Date.now = now;
	}

	get now(): number {
		return Math.floor(this.#now);
	}

	/** Lets so much time pass. */
	async pass(milliseconds: number): Promise<void> {
		const until = this.#now + milliseconds;
		await settled();
		for (let next = this.#next(until); next; next = this.#next(until)) {
			this.#now = Math.max(this.#now, next.at);
			if (next.every === undefined) this.#timers.delete(next);
			else next.at += next.every;
			next.run();
			await settled();
		}
		this.#now = until;
	}

	#next(until: number): Timer | undefined {
		let first: Timer | undefined;
		for (const timer of this.#timers.values()) {
			if (timer.at > until) continue;
			if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
		}
		return first;
	}
}

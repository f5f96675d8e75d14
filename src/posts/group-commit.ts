export interface GroupLimits {
	/** What one write takes at most. */
	together: number;
	/** What may wait; more is refused. */
	waiting: number;
	/** Writes after a rest that follow each other at once, and then the time between two, in milliseconds. */
	burst: number;
	interval: number;
}

interface Waiting<Wish, Answer> {
	wish: Wish;
	resolve: (answer: Answer) => void;
	reject: (error: unknown) => void;
}

/** More waits than may. */
export class TooManyWaiting extends Error {
	constructor() {
		super("too many wait to be written");
	}
}

/**
 * Writes together what is wished for at the same time: one write at most is under way, and what comes meanwhile is
 * the next one's. Whoever wishes hears when it is written, so there is nothing to lose. A wish that comes alone is
 * written at once.
 */
export class GroupCommit<Wish, Answer> {
	readonly #write: (wishes: Wish[]) => Promise<Answer[]>;
	readonly #limits: GroupLimits;
	readonly #now: () => number;
	readonly #sleep: (milliseconds: number) => Promise<unknown>;
	#waiting: Waiting<Wish, Answer>[] = [];
	#running = false;
	/** When the next write is due if they come evenly; behind the clock, there is a burst left. */
	#due = Number.NEGATIVE_INFINITY;

	/** @param write does all of it or nothing, and answers each wish in its order. */
	constructor(
		write: (wishes: Wish[]) => Promise<Answer[]>,
		limits: GroupLimits,
		now: () => number,
		sleep: (milliseconds: number) => Promise<unknown>,
	) {
		this.#write = write;
		this.#limits = limits;
		this.#now = now;
		this.#sleep = sleep;
	}

	/** @throws TooManyWaiting, or what the write throws: then nothing of it is written, as far as the writer knows. */
	add(wish: Wish): Promise<Answer> {
		if (this.#waiting.length >= this.#limits.waiting) return Promise.reject(new TooManyWaiting());
		return new Promise((resolve, reject) => {
			this.#waiting.push({ wish, resolve, reject });
			if (!this.#running) void this.#run();
		});
	}

	async #run(): Promise<void> {
		this.#running = true;
		while (this.#waiting.length > 0) {
			const pause = this.#pause();
			if (pause > 0) await this.#sleep(pause);
			const group = this.#waiting.splice(0, this.#limits.together);
			try {
				const answers = await this.#write(group.map(({ wish }) => wish));
				for (const [n, { resolve }] of group.entries()) resolve(answers[n] as Answer);
			} catch (error) {
				// What fails now would keep those who wait as long as it takes to fail, again and again.
				for (const { reject } of [...group, ...this.#waiting.splice(0)]) reject(error);
			}
		}
		this.#running = false;
	}

	/** Takes its place among the writes. @returns for how long to wait, in milliseconds. */
	#pause(): number {
		const { burst, interval } = this.#limits;
		const now = this.#now();
		// One interval at most, also when the clock was put back.
		const due = Math.min(Math.max(this.#due, now - (burst - 1) * interval), now + interval);
		this.#due = due + interval;
		return due - now;
	}
}

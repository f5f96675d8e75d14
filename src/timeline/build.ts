import { nameInLog } from "../log.ts";
import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import type { Arrival, Delivery } from "./changes.ts";
import { LOG_OPTIONS } from "./log.ts";
import { type Authors, authorsOf, Relations } from "./relations.ts";
import type { TimelineSource } from "./source.ts";

/** What a timeline is made from. */
export interface Materials {
	relations: Relations;
	/** Newest first; one more than is kept tells that there are older ones. */
	found: Arrival[];
	/** What of it the owner likes. */
	liked: Id[];
}

/** How often one part of the store is asked before the build is given up, and the longest wait in between (ms). */
const TRIES = 8;
const PAUSE = 50;
const LONGEST_PAUSE = 5000;

interface BuildParts {
	source: TimelineSource;
	owner: Id;
	turn: number;
	early: readonly Delivery[];
	/** Called once, with everything, and not across an `await`: nothing can change before it returns. */
	finish: (materials: Materials) => void;
}

/**
 * A timeline on its way from the store: one part for each database, each asked again until it answers, so
 * that one that is slow or down hides only its own posts. What has come so far can be shown meanwhile.
 */
export class Build {
	/** Settles when the timeline is finished, or was given up. */
	readonly finished: Promise<void>;
	/** What was delivered meanwhile: lost with the build if it dies, as it is in the store as well. */
	readonly deliveries: Delivery[] = [];
	/**
	 * What the owner posted before it began. A page that is shown meanwhile must not lack it; the whole timeline has it
	 * from the store, where it was first and where it may be deleted by now.
	 */
	readonly early: readonly Delivery[];
	/** What the owner has begun or ceased to like meanwhile: likewise. */
	readonly likes = new Map<Id, boolean>();
	readonly #source: TimelineSource;
	readonly #owner: Id;
	readonly #turn: number;
	readonly #finish: (materials: Materials) => void;
	#resolve: () => void = () => undefined;
	#reject: (error: unknown) => void = () => undefined;
	#round = 0;
	#soFar: Materials | undefined;

	constructor({ source, owner, turn, early, finish }: BuildParts) {
		this.#source = source;
		this.#owner = owner;
		this.#turn = turn;
		this.#finish = finish;
		this.early = early;
		this.finished = new Promise((resolve, reject) => {
			this.#resolve = resolve;
			this.#reject = reject;
		});
		// Whoever waits hears of a failure too.
		this.finished.catch((error) => reportFailure("a timeline was not built", error, { account: nameInLog(owner) }));
		this.restart();
	}

	/** What has been found so far; undefined while the relations are not known. */
	get soFar(): Materials | undefined {
		return this.#soFar;
	}

	/** Reads everything anew: what was read of a relation that has changed since would be wrong. */
	restart(): void {
		this.#soFar = undefined;
		void this.#run(++this.#round);
	}

	/** An earlier round ends without a word. */
	async #run(round: number): Promise<void> {
		try {
			const relations = Relations.of(await this.#patiently(round, () => this.#source.ties(this.#owner)));
			if (round !== this.#round) return;
			const materials: Materials = { relations, found: [], liked: [] };
			this.#soFar = materials;
			const authors = authorsOf(this.#owner, relations.packed(Number.POSITIVE_INFINITY));
			await Promise.all(this.#source.groups(authors).map((group) => this.#readGroup(round, group, materials)));
			const postIds = materials.found.map(({ postId }) => postId);
			materials.liked = [...(await this.#patiently(round, () => this.#source.liked(this.#owner, postIds)))];
			if (round !== this.#round) return;
			this.#finish(materials);
			this.#resolve();
		} catch (error) {
			if (round === this.#round) this.#reject(error);
		}
	}

	async #readGroup(round: number, authors: Authors, materials: Materials): Promise<void> {
		const limit = LOG_OPTIONS.keep + 1;
		const [part, heavy] = await this.#patiently(round, async () => {
			// Before the posts are read: what is posted from then on is pushed again.
			if (this.#turn > 0) await this.#source.setTurn(this.#owner, authors.keys(), this.#turn);
			return Promise.all([this.#source.older(authors, undefined, limit), this.#source.heavyAmong([...authors.keys()])]);
		});
		for (const id of heavy) materials.relations.put(id, { ...materials.relations.of(id), heavy: true });
		const found = [...materials.found, ...part].sort((a, b) => (a.postId < b.postId ? 1 : -1));
		materials.found = found.slice(0, limit);
	}

	/** Nobody waits for an earlier round. */
	async #patiently<T>(round: number, ask: () => Promise<T>): Promise<T> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await ask();
			} catch (error) {
				if (attempt === TRIES || round !== this.#round) throw error;
				const pause = Math.min(PAUSE * 2 ** attempt, LONGEST_PAUSE);
				await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
			}
		}
	}
}

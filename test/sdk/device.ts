import {
	createEdgefeed,
	type Edgefeed,
	type EdgefeedStorage,
	type LiveFeed,
	type LiveFeedState,
	type LiveOptions,
	memoryStorage,
	type Platform,
} from "../../sdk/src/index.ts";

export interface DeviceParts extends Pick<Platform, "fetch" | "WebSocket" | "now" | "random"> {
	baseUrl: string;
	way: { up: boolean };
	options: LiveOptions;
	/** Called with each state that is shown. */
	shown: (state: LiveFeedState) => void;
}

/** A phone: what it keeps outlives the app, the app may die at any moment. */
export class Device {
	readonly #parts: DeviceParts;
	readonly #kept = memoryStorage();
	#alive = { yes: true };
	#dead = Promise.withResolvers<void>();
	edgefeed: Edgefeed;
	live: LiveFeed;
	constructor(parts: DeviceParts) {
		this.#parts = parts;
		[this.edgefeed, this.live] = this.#open();
	}

	/** Whether anything comes out of it and in. */
	get way(): { up: boolean } {
		return this.#parts.way;
	}

	#open(): [Edgefeed, LiveFeed] {
		const alive = { yes: true };
		this.#alive = alive;
		const kept = this.#kept;
		const storage: EdgefeedStorage = {
			...kept,
			// Nothing is written by an app that is dead.
			set: async (key, value) => (alive.yes ? kept.set(key, value) : undefined),
			delete: async (key) => (alive.yes ? kept.delete(key) : undefined),
		};
		const { baseUrl, fetch, WebSocket, now, random, options, shown } = this.#parts;
		const edgefeed = createEdgefeed({
			baseUrl,
			storage,
			// What a dead app asked for is answered to nobody.
			fetch: async (url, init) => {
				if (!alive.yes) return new Promise<Response>(() => undefined);
				const response = await fetch(url, init);
				return alive.yes ? response : new Promise<Response>(() => undefined);
			},
			WebSocket,
			now,
			random,
		});
		const live = edgefeed.feed.live(options);
		live.subscribe(shown);
		return [edgefeed, live];
	}

	/** What the app does, until it dies: whatever a dead app waits for is never answered. */
	whileAlive(doing: Promise<unknown>): Promise<unknown> {
		return Promise.race([doing, this.#dead.promise]);
	}

	restart(crash: boolean): void {
		if (crash) this.#alive.yes = false;
		this.live.close();
		this.#alive.yes = false;
		this.#dead.resolve();
		this.#dead = Promise.withResolvers<void>();
		[this.edgefeed, this.live] = this.#open();
	}
}

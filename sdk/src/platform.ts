/** What the SDK wants of where it runs; everything has a default where browsers, React Native and Node have it. */

/** As `navigator.locks`: one holder of a name at a time, in all tabs where there are tabs. */
export interface Locks {
	request<T>(name: string, run: () => Promise<T>): Promise<T>;
}

/** As much of a WebSocket as the SDK uses. */
export interface SocketLike {
	send(data: string): void;
	close(code?: number, reason?: string): void;
	addEventListener(type: "open" | "error", listener: () => void): void;
	addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
	addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** `online` and `visible` are reasons to look at once, `offline` not to wait for an answer. */
export type Wake = "online" | "offline" | "visible";
/** Tells of them until the result is called. */
export type Wakes = (listener: (wake: Wake) => void) => () => void;

/** `fetch`, as it is called here: with an address and what goes along. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface Platform {
	fetch: Fetch;
	/** Null: changes are polled for. */
	WebSocket: SocketConstructor | null;
	locks: Locks;
	/** Unix milliseconds. */
	now: () => number;
	/** 0 to 1. */
	random: () => number;
	wakes: Wakes;
}

/** What a platform may have, without the types of a browser. */
interface Surroundings {
	fetch?: Fetch;
	WebSocket?: SocketConstructor;
	navigator?: { locks?: Locks; onLine?: boolean };
	document?: { visibilityState: string } & Listened;
	addEventListener?: Listened["addEventListener"];
	removeEventListener?: Listened["removeEventListener"];
}

interface Listened {
	addEventListener(type: string, listener: () => void): void;
	removeEventListener(type: string, listener: () => void): void;
}

export function platformOf(given: Partial<Platform>): Platform {
	const here = globalThis as unknown as Surroundings;
	return {
		// Looked up at each call: pages and tests put their own in its place.
		fetch: given.fetch ?? ((url, init) => (globalThis as unknown as Required<Surroundings>).fetch(url, init)),
		WebSocket: given.WebSocket === undefined ? (here.WebSocket ?? null) : given.WebSocket,
		locks: given.locks ?? here.navigator?.locks ?? oneAtATime(),
		now: given.now ?? Date.now,
		random: given.random ?? Math.random,
		wakes: given.wakes ?? browserWakes(here),
	};
}

/** Locks where there is only one page: React Native, Node. */
export function oneAtATime(): Locks {
	const last = new Map<string, Promise<unknown>>();
	return {
		async request<T>(name: string, run: () => Promise<T>): Promise<T> {
			const before = last.get(name);
			const turn = (async () => {
				await before?.catch(() => undefined);
				return run();
			})();
			last.set(name, turn);
			try {
				return await turn;
			} finally {
				if (last.get(name) === turn) last.delete(name);
			}
		},
	};
}

function browserWakes(here: Surroundings): Wakes {
	const page = here.document;
	if (!page || !here.addEventListener) return () => () => undefined;
	const events: [target: Listened, type: string, wake: () => Wake | undefined][] = [
		[here as Listened, "online", () => "online"],
		[here as Listened, "offline", () => "offline"],
		[page, "visibilitychange", () => (page.visibilityState === "visible" ? "visible" : undefined)],
	];
	return (listener) => {
		const ends = events.map(([target, type, wakeOf]) => {
			const hear = () => {
				const wake = wakeOf();
				if (wake) listener(wake);
			};
			target.addEventListener(type, hear);
			return () => target.removeEventListener(type, hear);
		});
		return () => {
			for (const end of ends) end();
		};
	};
}

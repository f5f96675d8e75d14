import type { SocketConstructor } from "./platform.ts";
import type { Change } from "./types.ts";

/** What the stream sends, as JSON text. */
export type Frame =
	/** The first one: the number of the timeline's last change. */
	| { type: "hello"; seq: number }
	| ({ type: "change" } & Change)
	/** There is no telling what came before `seq`: read the feed anew. */
	| { type: "outdated"; seq: number };

/** Milliseconds between pings, and until an answer must have come: to the handshake, to a ping, and to one in doubt. */
const PING_EVERY = 30_000;
const ANSWER_WITHIN = 10_000;
const ANSWER_SOON = 4000;
/** Characters that may come between two pings: the service closes after a megabyte. */
const UNHEARD = 400_000;

export interface StreamOptions {
	WebSocket: SocketConstructor;
	url: string;
	token: string;
	/** @returns false to end the stream */
	hear: (frame: Frame) => boolean;
	signal: AbortSignal;
}

/** How a stream ended. */
export interface StreamEnd {
	/** Whether the service had said hello: if not, sockets may not get through here. */
	opened: boolean;
	/** What came did not go on where we are. */
	byUs: boolean;
}

/** One connection to the stream, for as long as it is alive. */
export class FeedSocket {
	/** Resolves when it is over, for whatever reason. Never rejects. */
	readonly ended: Promise<StreamEnd>;
	readonly #ping: (within: number) => void;

	constructor({ WebSocket, url, token, hear, signal }: StreamOptions) {
		let ping: (within: number) => void = () => undefined;
		this.ended = new Promise((resolve) => {
			const socket = new WebSocket(url, ["bearer", token]);
			let opened = false;
			let over = false;
			let unheard = 0;
			let pinging = false;
			let deadline: ReturnType<typeof setTimeout>;
			let byUs = false;
			const end = () => {
				if (over) return;
				over = true;
				clearTimeout(deadline);
				clearInterval(beat);
				signal.removeEventListener("abort", end);
				try {
					socket.close(1000);
				} catch {
					// It was never open.
				}
				resolve({ opened, byUs });
			};
			/** Whatever comes shows that it is alive; a pong allows the next ping. */
			const expect = (within: number) => {
				clearTimeout(deadline);
				deadline = setTimeout(end, within);
			};
			ping = (within) => {
				if (over || !opened) return;
				if (!pinging) {
					pinging = true;
					unheard = 0;
					try {
						socket.send("ping");
					} catch {
						return end();
					}
				}
				expect(within);
			};
			const beat = setInterval(() => ping(ANSWER_WITHIN), PING_EVERY);
			expect(ANSWER_WITHIN);
			signal.addEventListener("abort", end);
			socket.addEventListener("message", ({ data }) => {
				if (over || typeof data !== "string") return;
				if (data === "pong") {
					pinging = false;
					clearTimeout(deadline);
					if (unheard > UNHEARD) ping(ANSWER_WITHIN);
					return;
				}
				if (pinging) expect(ANSWER_WITHIN);
				unheard += data.length;
				const frame = parse(data);
				if (!opened) {
					opened = true;
					clearTimeout(deadline);
				}
				if (!frame || !hear(frame)) {
					byUs = true;
					return end();
				}
				if (unheard > UNHEARD) ping(ANSWER_WITHIN);
			});
			socket.addEventListener("close", end);
			socket.addEventListener("error", end);
			if (signal.aborted) end();
		});
		this.#ping = (within) => ping(within);
	}

	/** The network may have changed: it must show soon that it is alive. */
	doubt(): void {
		this.#ping(ANSWER_SOON);
	}
}

function parse(text: string): Frame | undefined {
	try {
		return JSON.parse(text) as Frame;
	} catch {
		return undefined;
	}
}

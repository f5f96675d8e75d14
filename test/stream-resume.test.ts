import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it } from "vitest";
import { CLOSE_CODES, type Frame } from "../src/timeline/sockets.ts";
import { eventually, ORIGIN, type Person, signUpMany, worker } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

/** `npm run histories` plays fifty. */
const RUNS = Math.ceil((env.HISTORIES ?? 800) / 200);

const timeline = (who: Person) => env.TIMELINE.getByName(who.id);
/** Lets go for so long, so that a cut falls anywhere. */
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A client that goes on from the last number it has, whenever its socket is gone. */
class Client {
	readonly #owner: Person;
	readonly seen: [seq: number, kind: string, postId: string][] = [];
	readonly outdated: number[] = [];
	#seq: number;
	#socket: WebSocket | undefined;

	constructor(owner: Person, seq: number) {
		this.#owner = owner;
		this.#seq = seq;
	}

	async connect(): Promise<void> {
		this.cut();
		const response = await worker.fetch(`${ORIGIN}/v1/feed/stream?since=${this.#seq}`, {
			headers: { upgrade: "websocket", authorization: `Bearer ${this.#owner.token}` },
		});
		const socket = response.webSocket;
		// The object was restarted at this moment: the client tries again.
		if (!socket) return this.connect();
		this.#socket = socket;
		const gone = () => {
			if (this.#socket === socket) this.#socket = undefined;
		};
		socket.addEventListener("close", gone);
		socket.addEventListener("error", gone);
		socket.addEventListener("message", ({ data }) => {
			// What was on its way when the client hung up does not reach it.
			if (this.#socket === socket) this.#take(JSON.parse(String(data)));
		});
		socket.accept();
	}

	get connected(): boolean {
		return this.#socket !== undefined;
	}

	cut(): void {
		const socket = this.#socket;
		this.#socket = undefined;
		try {
			socket?.close();
		} catch {
			// It was closed by the other end.
		}
	}

	#take(frame: Frame): void {
		if (frame.type === "outdated") this.outdated.push(frame.seq);
		if (frame.type !== "change") return;
		this.seen.push([frame.seq, frame.kind, frame.postId]);
		this.#seq = frame.seq;
	}
}

const CUTS = ["none", "client", "close", "hibernate", "abort"] as const;
const step = fc.record({
	posts: fc.nat({ max: 3 }),
	mark: fc.boolean(),
	wait: fc.nat({ max: 12 }),
	cut: fc.constantFrom(...CUTS),
});

it(
	"a client that is cut off anywhere, by itself or by the object's end, sees every change once and in order",
	async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 8, size: "max" }), async (steps) => {
				const [ann, ben] = (await signUpMany(2)) as [Person, Person];
				await ann.befriend(ben);
				const { seq: from } = await ben.feed();
				const client = new Client(ben, from);
				for (const { posts, mark, wait, cut } of steps) {
					if (!client.connected) await client.connect();
					const writes: Promise<unknown>[] = Array.from({ length: posts }, (_, n) =>
						(n % 2 ? ann : ben).call("POST", "/v1/posts", { text: `${n}` }),
					);
					if (mark) {
						const place = { postId: ben.id, force: true };
						writes.push(ben.call("PUT", "/v1/feed/marker", place));
					}
					await pause(wait);
					if (cut === "client") client.cut();
					// A socket that the runtime takes away is found gone by the next connection at the latest.
					if (cut === "close") await evictDurableObject(timeline(ben), { webSockets: "close" }).catch(notRunning);
					if (cut === "hibernate") await evictDurableObject(timeline(ben)).catch(notRunning);
					if (cut === "abort") await abortAllDurableObjects();
					if (cut === "close" || cut === "abort") client.cut();
					await Promise.allSettled(writes);
				}
				await settled();
				if (!client.connected) await client.connect();
				const told = await ben.ok<{ changes: { seq: number; kind: string; postId: string }[]; seq: number }>(
					"GET",
					`/v1/feed/changes?since=${from}`,
				);
				const expected = told.changes.map(({ seq, kind, postId }) => [seq, kind, postId]);
				expect(expected.map(([seq]) => seq)).toEqual(expected.map((_, n) => from + 1 + n));
				await eventually(async () => expect(client.seen.length).toBeGreaterThanOrEqual(expected.length));
				expect(client.seen).toEqual(expected);
				expect(client.outdated).toEqual([]);
				client.cut();
			}),
			{ numRuns: RUNS, endOnFailure: true },
		);
	},
	120_000 + RUNS * 10_000,
);

function notRunning(error: unknown): void {
	if (!/not currently running/.test(String(error))) throw error;
}

it("garbage between the changes closes the socket that sent it, and nothing else", async () => {
	const [ann] = (await signUpMany(1)) as [Person];
	const { seq: from } = await ann.feed();
	const steady = new Client(ann, from);
	await steady.connect();
	const garbage = fc.oneof(
		fc.string().filter((text) => text !== "ping"),
		fc.json(),
		fc.uint8Array(),
		fc.nat({ max: 200_000 }).map((length) => "x".repeat(length)),
		fc.constantFrom("ping ", "PING", "pong", '{"type":"hello"}', "\0"),
	);
	await fc.assert(
		fc.asyncProperty(fc.array(garbage, { minLength: 1, maxLength: 4 }), fc.boolean(), async (frames, sleeps) => {
			const response = await worker.fetch(`${ORIGIN}/v1/feed/stream?since=${from}`, {
				headers: { upgrade: "websocket", authorization: `Bearer ${ann.token}` },
			});
			const socket = response.webSocket as WebSocket;
			const closed = new Promise<number>((resolve) => {
				socket.addEventListener("close", ({ code }) => resolve(code));
			});
			socket.accept();
			const post = ann.post("x");
			if (sleeps) await evictDurableObject(timeline(ann)).catch(notRunning);
			for (const frame of frames) {
				if (socket.readyState === WebSocket.OPEN) socket.send(frame);
			}
			expect(await closed).toBe(CLOSE_CODES.unexpected_frame);
			await post;
		}),
		{ numRuns: RUNS * 3, endOnFailure: true },
	);
	const { seq } = await ann.feed();
	await eventually(async () => expect(steady.seen.at(-1)?.[0]).toBe(seq));
	expect(steady.seen.map(([each]) => each)).toEqual(Array.from({ length: seq - from }, (_, n) => from + 1 + n));
	steady.cut();
});

import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { servicesOf } from "../src/services.ts";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { type Person, signUp } from "./api.ts";
import { env } from "./env.ts";
import { settled } from "./settled.ts";

/** `npm run histories` plays fifty. */
const RUNS = Math.ceil((env.HISTORIES ?? 1000) / 200);

const { timelines, minter } = servicesOf(env);

const ACTS = ["apply", "remove", "mark", "reserve", "complete", "publish"] as const;
const lane = fc.array(fc.record({ act: fc.constantFrom(...ACTS), wait: fc.constantFrom(0, 0, 0, 1, 3) }), {
	minLength: 5,
	maxLength: 20,
	size: "max",
});
/** An end of the object, and what was asked of it in the same moment. */
const end = fc.record({
	how: fc.constantFrom("evict", "abort", "abort"),
	wait: fc.nat({ max: 6 }),
	asked: fc.array(fc.constantFrom(...ACTS), { maxLength: 6, size: "max" }),
	turns: fc.nat({ max: 8 }),
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Does things to one timeline, and writes down what was answered. */
class Ledger {
	readonly owner: Person;
	readonly id: Id;
	readonly added = new Map<Id, number>();
	readonly removed = new Map<Id, number>();
	readonly published = new Map<string, { key: string; id: Id; seq: number | null }>();
	readonly reserved = new Map<string, Id>();
	readonly completed = new Map<string, string>();
	/** Markers in the order of their numbers. */
	readonly marked = new Map<Id, number>();
	refused = 0;

	constructor(owner: Person) {
		this.owner = owner;
		this.id = owner.id as Id;
	}

	/** One after the other: a later answer never has a lower number. */
	async run(name: number, steps: readonly { act: (typeof ACTS)[number]; wait: number }[]): Promise<void> {
		let seq = 0;
		const numbered = (found: number) => {
			expect(found).toBeGreaterThanOrEqual(seq);
			seq = found;
			return found;
		};
		for (const [n, { act, wait }] of steps.entries()) {
			if (wait > 0) await pause(wait);
			const label = `${name}-${n}`;
			try {
				await this.#do(act, label, numbered);
			} catch (error) {
				// What was not answered may have happened or not.
				if (error instanceof Error && error.name === "AssertionError") throw error;
				this.refused++;
			}
		}
	}

	async #do(act: (typeof ACTS)[number], label: string, numbered: (seq: number) => number): Promise<void> {
		// The object itself, not the client: that would try again.
		const timeline = env.TIMELINE.getByName(this.id);
		const postId = minter.mint(logicalShardOf(this.id));
		switch (act) {
			case "apply": {
				const add = { kind: "add", postId, authorId: this.id, reason: "own", via: "push" } as const;
				this.added.set(postId, numbered(await timeline.apply([add])));
				return;
			}
			case "remove": {
				const [target] = [...this.added.keys()].filter((id) => !this.removed.has(id));
				if (!target) return;
				// Nobody else takes this one, and it counts as removed only when that was answered.
				const seq = this.added.get(target) ?? 0;
				this.added.delete(target);
				const answer = numbered(await timeline.apply([{ kind: "remove", postId: target, cause: "deleted" }]));
				expect(answer).toBeGreaterThan(seq);
				this.removed.set(target, answer);
				return;
			}
			case "mark": {
				this.marked.set(postId, numbered((await timeline.mark(postId, false)).seq));
				return;
			}
			case "reserve": {
				const answer = await timeline.reserve(label, label, postId);
				if (answer.state === "proceed") this.reserved.set(label, answer.id);
				return;
			}
			case "complete": {
				await timeline.reserve(label, label, postId);
				this.completed.set(label, await timeline.complete(label, `"${label}"`));
				return;
			}
			case "publish": {
				const answer = await this.#publish(label);
				if (answer.status !== 201) {
					this.refused++;
					return;
				}
				const header = answer.headers.get("x-feed-seq");
				const seq = header === null ? null : numbered(Number(header));
				this.published.set(label, { key: label, id: answer.body.id, seq });
				return;
			}
		}
	}

	#publish(key: string) {
		return this.owner.call<{ id: Id }>("POST", "/v1/posts", { text: key }, { "idempotency-key": `post-${key}` });
	}

	async check(): Promise<void> {
		await settled();
		const timeline = timelines.of(this.id);
		const found = await timeline.changes(0, 1_000_000);
		if (found.state !== "told") throw new Error(found.state);
		expect(found.changes.map(({ seq }) => seq)).toEqual(Array.from({ length: found.seq }, (_, n) => n + 1));
		const numberOf = new Map(found.changes.map(({ kind, postId, seq }) => [`${kind} ${postId}`, seq]));
		const here = new Set((await timeline.page({ limit: 1000 })).entries.map(({ postId }) => postId));

		for (const [postId, seq] of this.added) {
			expect(here).toContain(postId);
			expect(numberOf.get(`add ${postId}`)).toBeLessThanOrEqual(seq);
		}
		for (const [postId, seq] of this.removed) {
			expect(here).not.toContain(postId);
			expect(numberOf.get(`remove ${postId}`)).toBeLessThanOrEqual(seq);
		}
		const { postId: marker } = await timeline.marker();
		for (const postId of this.marked.keys()) expect(marker && marker >= postId, `${marker} ${postId}`).toBe(true);
		for (const [key, id] of this.reserved) {
			expect(await timeline.reserve(key, key, minter.mint(0))).toMatchObject({ state: "proceed", id });
		}
		for (const [key, body] of this.completed) {
			expect(body).toBe(`"${key}"`);
			expect(await timeline.reserve(key, key, minter.mint(0))).toEqual({ state: "done", body });
		}
		const feed = (await this.owner.wholeFeed()).map(({ id, text }) => ({ id, text }));
		for (const { key, id, seq } of this.published.values()) {
			expect(feed.filter(({ text }) => text === key)).toEqual([{ id, text: key }]);
			if (seq !== null) expect(numberOf.get(`add ${id}`)).toBeLessThanOrEqual(seq);
			expect((await this.#publish(key)).body.id).toBe(id);
		}
		expect((await this.owner.wholeFeed()).length).toBe(feed.length);
	}
}

it(
	"what was answered is there, however often the object ends in the middle of it",
	async () => {
		// Every end in the middle of something is reported, as it should be.
		vi.spyOn(console, "error").mockImplementation(() => undefined);
		let refused = 0;
		await fc.assert(
			fc.asyncProperty(
				fc.array(lane, { minLength: 2, maxLength: 4, size: "max" }),
				fc.array(end, { minLength: 2, maxLength: 6, size: "max" }),
				async (lanes, ends) => {
					const ledger = new Ledger(await signUp("Ann"));
					await ledger.owner.feed();
					const runs = lanes.map((steps, n) => ledger.run(n, steps));
					for (const { how, wait, asked, turns } of ends) {
						if (wait > 0) await pause(wait);
						for (const act of asked) runs.push(ledger.run(runs.length, [{ act, wait: 0 }]));
						for (let turn = 0; turn < turns; turn++) await undefined;
						if (how === "abort") await abortAllDurableObjects();
						// It may not be running at this moment.
						else await evictDurableObject(env.TIMELINE.getByName(ledger.id)).catch(() => undefined);
					}
					await Promise.all(runs);
					await ledger.check();
					// And once more from the disk alone.
					await abortAllDurableObjects();
					await ledger.check();
					refused += ledger.refused;
				},
			),
			{ numRuns: RUNS, endOnFailure: true },
		);
		// Else nothing ended in the middle of anything.
		expect(refused).toBeGreaterThan(0);
	},
	120_000 + RUNS * 10_000,
);

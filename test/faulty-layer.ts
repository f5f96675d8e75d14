import { seal, unseal } from "../src/cache/envelope.ts";
import type { Kept, Layer } from "../src/cache/layer.ts";

/** How a layer misbehaves; `well` is not at all. */
export const BEHAVIOURS = [
	"well",
	"empty",
	"failing",
	"hanging",
	"stale",
	"forged age",
	"from the future",
	"another key's",
	"another shape",
	"malformed",
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** A layer of texts that never forgets, and answers as it is told to. */
export class FaultyLayer implements Layer {
	readonly name: Layer["name"];
	behaviour: Behaviour = "well";
	/** Operations so far. */
	asked = 0;
	readonly #texts = new Map<string, string[]>();
	readonly #now: () => number;

	constructor(name: Layer["name"], now: () => number) {
		this.name = name;
		this.#now = now;
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		await this.#begin();
		const found = new Map<string, Kept>();
		for (const key of keys) {
			const kept = unseal(key, this.#answer(key));
			if (kept) found.set(key, kept);
		}
		return found;
	}

	async put(entries: ReadonlyMap<string, Kept>): Promise<void> {
		await this.#begin();
		for (const [key, kept] of entries) this.#texts.set(key, [...(this.#texts.get(key) ?? []), seal(key, kept)]);
	}

	async drop(keys: readonly string[]): Promise<void> {
		await this.#begin();
		for (const key of keys) this.#texts.delete(key);
	}

	async #begin(): Promise<void> {
		this.asked++;
		if (this.behaviour === "failing") throw new Error("so it is");
		if (this.behaviour === "hanging") await new Promise(() => undefined);
	}

	#answer(key: string): string | undefined {
		const texts = this.#texts.get(key);
		const newest = texts?.at(-1);
		if (newest === undefined) return undefined;
		const { asOf, value } = JSON.parse(newest) as Kept;
		switch (this.behaviour) {
			case "empty":
				return undefined;
			case "stale":
				return texts?.[0];
			case "forged age":
				return JSON.stringify({ key, asOf: String(asOf + 1e6), value });
			case "from the future":
				return seal(key, { asOf: this.#now() + 1_500, value: (JSON.parse(texts?.[0] ?? "null") as Kept).value });
			case "another key's":
				return [...this.#texts].find(([other]) => other !== key)?.[1].at(-1);
			case "another shape":
				return seal(key, { asOf, value: { n: "not a number" } });
			case "malformed":
				return newest.slice(1);
			default:
				return newest;
		}
	}
}

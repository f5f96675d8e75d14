import { seal, unsealAll } from "./envelope.ts";
import type { Kept, Layer } from "./layer.ts";

/** No such host exists: it is never asked, only its addresses name what is kept. */
const HOST = "https://cache.edgefeed.internal";

/**
 * The Cache API: what is kept in the data centre that answers the request. Lifetimes are rounded up to seconds; the
 * last write wins, whatever its age; a drop reaches this data centre only. Each key is a subrequest.
 */
export class EdgeCache implements Layer {
	readonly name = "edge";
	readonly #now: () => number;
	readonly #open: () => Promise<Cache>;

	constructor(now: () => number, open: () => Promise<Cache> = () => caches.open("edgefeed")) {
		this.#now = now;
		this.#open = open;
	}

	async get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
		const cache = await this.#open();
		const texts = await Promise.all(keys.map(async (key) => (await cache.match(addressOf(key)))?.text()));
		return unsealAll(keys, texts);
	}

	async put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void> {
		const cache = await this.#open();
		await Promise.all(
			Array.from(entries, async ([key, kept]) => {
				const seconds = Math.ceil((kept.asOf + lifetime - this.#now()) / 1000);
				if (seconds <= 0) return;
				const headers = { "Cache-Control": `max-age=${seconds}` };
				await cache.put(addressOf(key), new Response(seal(key, kept), { headers }));
			}),
		);
	}

	async drop(keys: readonly string[]): Promise<void> {
		const cache = await this.#open();
		await Promise.all(keys.map((key) => cache.delete(addressOf(key))));
	}
}

/** Two keys that share an address take each other's place, and neither is taken for the other: the envelope says whose it is. */
function addressOf(key: string): string {
	return `${HOST}/${encodeURIComponent(key.toWellFormed()).replaceAll("%2F", "/")}`;
}

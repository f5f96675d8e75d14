import { reportFailure } from "../report.ts";
import { inTime } from "../within.ts";
import { ShardUnavailable } from "./database.ts";
import { type Placement, placementSchema, type ShardMap } from "./shard-map.ts";

/** The shard map where it can change without a deployment: the table `shard_maps` of the identity database. */
export class MapTable {
	readonly #identity: D1Database;
	readonly #first: ShardMap;

	/** @param first is in force until there is another. */
	constructor(identity: D1Database, first: ShardMap) {
		this.#identity = identity;
		this.#first = first;
	}

	async read(): Promise<ShardMap> {
		const text = await this.#identity
			.prepare("SELECT document FROM shard_maps ORDER BY version DESC LIMIT 1")
			.first<string>("document");
		return text === null ? this.#first : this.#first.with(placementSchema.parse(JSON.parse(text)));
	}

	/** Puts a placement into force. @returns false when another one with its version was faster. */
	async replace(next: Placement): Promise<boolean> {
		// Refused here and not by every isolate, when it leaves a logical shard out.
		this.#first.with(next);
		const { meta } = await this.#identity
			.prepare(
				`INSERT INTO shard_maps (version, document)
				SELECT ?1, ?2 WHERE ?1 = 1 + coalesce((SELECT max(version) FROM shard_maps), ?3)`,
			)
			.bind(next.version, JSON.stringify(next), this.#first.version)
			.run();
		return meta.changes > 0;
	}
}

/** How long a reader waits for the map, in milliseconds. */
const PATIENCE = 2000;

/**
 * The map of this isolate: read before the first use, and again when it is older than `interval`. Nothing is asked
 * under a map older than twice that, unless it cannot be read: then the last one stays, as who cannot read it is
 * most likely alone with an identity database that is down for everyone, and so cannot be changed.
 */
export class LiveMap {
	readonly #table: Pick<MapTable, "read">;
	readonly #now: () => number;
	/** Milliseconds. */
	readonly interval: number;
	#current: ShardMap;
	/** When the read that brought it began, and when the last one did that was tried. */
	#readAt = Number.NEGATIVE_INFINITY;
	#triedAt = Number.NEGATIVE_INFINITY;
	#failedAt = Number.NEGATIVE_INFINITY;

	constructor(table: Pick<MapTable, "read">, first: ShardMap, interval: number, now: () => number) {
		this.#table = table;
		this.#current = first;
		this.interval = interval;
		this.#now = now;
	}

	get current(): ShardMap {
		return this.#current;
	}

	/** How long it takes until every isolate knows of a change, in milliseconds; twice what it should. */
	get spread(): number {
		return this.interval * 4;
	}

	/** @throws ShardUnavailable when the map has never been read, and cannot be. */
	async fresh(): Promise<void> {
		const now = this.#now();
		const age = now - this.#readAt;
		if (age < this.interval) return;
		// One reader is enough, unless the map is too old. Each reads for itself: workerd ties a promise to a request.
		if (age < 2 * this.interval && now - this.#triedAt < this.interval) return;
		// It has just failed: not everything has to wait for that again.
		if (age < Number.POSITIVE_INFINITY && now - this.#failedAt < this.interval / 5) return;
		try {
			await this.refresh();
		} catch (error) {
			if (this.#readAt === Number.NEGATIVE_INFINITY) throw new ShardUnavailable(error);
			this.#failedAt = this.#now();
			reportFailure("the shard map could not be read", error);
		}
	}

	async refresh(): Promise<void> {
		const began = this.#now();
		this.#triedAt = began;
		const map = await inTime(PATIENCE, this.#table.read(), "the identity database takes too long");
		if (map.version > this.#current.version) this.#current = map;
		this.#readAt = Math.max(this.#readAt, began);
	}
}

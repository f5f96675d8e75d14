import type { ShardDatabase } from "./database.ts";
import type { Id } from "./ids.ts";
import type { ShardMap } from "./shard-map.ts";

/** Finds the physical database of an id. */
export class Shards {
	readonly #map: ShardMap;
	readonly #databases: Map<string, ShardDatabase>;

	/** @param open gives the database of each name in the map. */
	constructor(map: ShardMap, open: (name: string) => ShardDatabase) {
		this.#map = map;
		this.#databases = new Map(map.databases.map((name) => [name, open(name)]));
	}

	/** The database that holds what belongs to `id`. */
	of(id: Id): ShardDatabase {
		return this.#named(this.#map.databaseOf(id));
	}

	/** Every physical shard, each once. */
	all(): ShardDatabase[] {
		return [...this.#databases.values()];
	}

	/** `ids` by the physical shard that holds what belongs to them, each once. */
	groups(ids: Iterable<Id>): Id[][] {
		const groups = new Map<string, Id[]>();
		for (const id of new Set(ids)) {
			const name = this.#map.databaseOf(id);
			const group = groups.get(name);
			if (group) group.push(id);
			else groups.set(name, [id]);
		}
		return [...groups.values()];
	}

	/** Runs one query per physical shard that holds any of `ids`, all at once, and joins the answers. */
	async gather<T>(ids: Iterable<Id>, query: (database: ShardDatabase, ids: Id[]) => Promise<T[]>): Promise<T[]> {
		const asked = this.groups(ids).flatMap((group) => (group[0] ? [query(this.of(group[0]), group)] : []));
		return (await Promise.all(asked)).flat();
	}

	#named(name: string): ShardDatabase {
		const database = this.#databases.get(name);
		if (!database) throw new Error(`no database ${name}`);
		return database;
	}
}

import { asId } from "../store/ids.ts";
import { type Effects, type State, TimelineLog } from "./log.ts";
import { type RelationSets, Relations } from "./relations.ts";
import { LOG_FORMAT, type Row, upgrade } from "./rows.ts";

/** What a timeline keeps in its object's SQLite: `docs/storage.md` has the formats. */
export class TimelineStorage {
	readonly #storage: DurableObjectStorage;
	readonly #sql: SqlStorage;

	constructor(storage: DurableObjectStorage) {
		this.#storage = storage;
		this.#sql = storage.sql;
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS log (first INTEGER PRIMARY KEY, changes TEXT NOT NULL)`);
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`);
		this.#sql.exec(`CREATE TABLE IF NOT EXISTS relations (name TEXT PRIMARY KEY, members TEXT NOT NULL) WITHOUT ROWID`);
	}

	/** Runs `work` so that all of its writes happen or none. */
	atomically(work: () => void): void {
		this.#storage.transactionSync(work);
	}

	/** The log, converted when it has an older format; undefined while the timeline is cold. */
	load(): TimelineLog | undefined {
		const format = Number(this.meta("format") ?? 0);
		if (format === 0) return undefined;
		let rows: Row[] = this.#sql
			.exec<Row & Record<string, SqlStorageValue>>(`SELECT first, changes FROM log ORDER BY first`)
			.toArray();
		if (format !== LOG_FORMAT) {
			rows = upgrade(rows, format);
			this.atomically(() => {
				this.store({ puts: rows, drops: [] });
				this.setMeta("format", String(LOG_FORMAT));
			});
		}
		return new TimelineLog(rows, this.state());
	}

	/** Undefined when they must be read from the store. */
	loadRelations(): Relations | undefined {
		const rows = this.#sql.exec<{ name: string; members: string }>(`SELECT name, members FROM relations`).toArray();
		const { friends, follows, heavy, mutes } = Object.fromEntries(rows.map(({ name, members }) => [name, members]));
		if (friends === undefined || follows === undefined || heavy === undefined || mutes === undefined) return undefined;
		return new Relations({ friends, follows, heavy, mutes });
	}

	state(): State {
		const [floor, marker] = [this.meta("floor"), this.meta("marker")];
		return {
			seq: Number(this.meta("seq") ?? 0),
			floor: floor === undefined ? null : asId(floor),
			marker: marker === undefined ? null : asId(marker),
			likes: this.#set("likes") ?? "",
		};
	}

	store({ puts, drops, floor, marker, likes }: Effects): void {
		for (const row of puts) {
			this.#sql.exec(
				`INSERT INTO log (first, changes) VALUES (?, ?) ON CONFLICT DO UPDATE SET changes = excluded.changes`,
				row.first,
				row.changes,
			);
		}
		for (const first of drops) this.#sql.exec(`DELETE FROM log WHERE first = ?`, first);
		if (floor) this.setMeta("floor", floor);
		if (marker) this.setMeta("marker", marker);
		if (likes !== undefined) this.#storeSet("likes", likes);
	}

	storeRelations(sets: Partial<RelationSets>): void {
		for (const [name, members] of Object.entries(sets)) this.#storeSet(name, members);
	}

	/** Keeps the numbers and the marker, and nothing else. */
	forget(log: TimelineLog): void {
		this.setMeta("seq", String(log.seq));
		this.#sql.exec(`DELETE FROM log`);
		this.#sql.exec(`DELETE FROM relations`);
		this.#sql.exec(`DELETE FROM meta WHERE name IN ('format', 'floor')`);
	}

	meta(name: string): string | undefined {
		return this.#sql.exec<{ value: string }>(`SELECT value FROM meta WHERE name = ?`, name).toArray()[0]?.value;
	}

	#set(name: string): string | undefined {
		const rows = this.#sql.exec<{ members: string }>(`SELECT members FROM relations WHERE name = ?`, name).toArray();
		return rows[0]?.members;
	}

	#storeSet(name: string, members: string): void {
		this.#sql.exec(
			`INSERT INTO relations (name, members) VALUES (?, ?) ON CONFLICT DO UPDATE SET members = excluded.members`,
			name,
			members,
		);
	}

	setMeta(name: string, value: string): void {
		this.#sql.exec(
			`INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`,
			name,
			value,
		);
	}
}

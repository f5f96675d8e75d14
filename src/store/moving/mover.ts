import { sql } from "drizzle-orm";
import type { ShardDatabase } from "../database.ts";
import type { LiveMap, MapTable } from "../live-map.ts";
import type { PlacedRange, Placement, ShardMap } from "../shard-map.ts";
import type { Shards } from "../shards.ts";
import { placed } from "./placed.ts";
import { erasure, type Span, TABLES, windowEnd } from "./rows.ts";
import { type Place, SIZES, type Sizes, Transfer, writeAs } from "./transfer.ts";

/** What one call of {@link Mover.step} did. */
export interface Report {
	step: "prepare" | "copy" | "compare" | "catch up" | "wait" | "switch" | "erase" | "done";
	/** Rows compared so far, and the sum of their hashes, the same on both sides; what differed was copied again. */
	rows: number;
	checksum: number;
	differing: number;
}

/** Thrown when what was asked for cannot be; `field` is at fault. */
export class MoveRefused extends Error {
	readonly field: "shards" | "database";

	constructor(field: MoveRefused["field"], message: string) {
		super(message);
		this.field = field;
	}
}

interface Progress {
	step: "copy" | "compare" | "ready" | "erase";
	place: Place;
	rows: number;
	checksum: number;
	differing: number;
}
const START: Progress = { step: "copy", place: { table: 0, after: null }, rows: 0, checksum: 0, differing: 0 };

/** What one call does at most: looks, rows, and milliseconds. D1 takes a thousand statements an invocation. */
const LOOKS = 40;
const ROWS = 3000;
const TIME = 2000;
/** How long writes are held up at most before the last keys have to be caught up with once more, in milliseconds. */
const FENCED = 3000;
/** Rows that one statement looks through to erase. */
const ERASE = 5000;

interface Services {
	table: MapTable;
	live: Pick<LiveMap, "spread" | "refresh">;
	shards: Shards;
	now: () => number;
	sizes?: Sizes;
}

/**
 * Moves ranges of logical shards between databases while they are used: `docs/sharding.md`. Each call does a bounded
 * piece of work and leaves behind where it was; whatever dies, the next call goes on. Of two callers at once the
 * later one goes on and the other is refused.
 */
export class Mover {
	readonly #services: Services;

	constructor(services: Services) {
		this.#services = services;
	}

	/** @throws MoveRefused when the range cannot be moved there. */
	async step(span: Span, to: string): Promise<Report> {
		const map = await this.#services.table.read();
		const left = map.placement.leaving.find((each) => each.from <= span.to && span.from <= each.to);
		if (left) return this.#erase(map, left);
		const range = map.rangeOf(span.from);
		if (range.state === "moving") {
			if (range.from !== span.from || range.to !== span.to || range.target !== to)
				throw new MoveRefused("shards", `${range.from}-${range.to} is moving to ${range.target}`);
			return this.#move(range, to);
		}
		const homes = rangesIn(map, span);
		if (homes.every(({ database, state }) => database === to && state === "active")) return report("done");
		if (homes.some(({ state }) => state === "moving")) throw new MoveRefused("shards", "a part of them is moving");
		if (new Set(homes.map(({ database }) => database)).size > 1)
			throw new MoveRefused("shards", "they are in more than one database");
		if (!map.databases.includes(to)) throw new MoveRefused("database", "unknown: add it first");
		const since = this.#services.now();
		const moving = { ...span, database: range.database, state: "moving" as const, target: to, since };
		await this.#services.table.replace({ ...placed(map.placement, moving), version: map.version + 1 });
		return report("prepare");
	}

	/** Gives a move up that has not been switched; what was copied is erased by the next steps. */
	async abort(span: Span): Promise<void> {
		const range = await this.#change(({ placement, rangeOf }) => {
			const range = rangeOf(span.from);
			if (range.from !== span.from || range.to !== span.to || range.state !== "moving" || !range.target) return;
			const left = { ...span, database: range.target, since: this.#services.now() };
			const back = placed(placement, { ...span, database: range.database, state: "active" });
			return { ...back, leaving: [...placement.leaving, left] };
		});
		// Also when it was aborted before, and that was cut short here.
		const { database } = range.rangeOf(span.from);
		await this.#release(this.#services.shards.named(database), span);
	}

	/** Makes a database known that shards can move to. */
	async add(name: string): Promise<void> {
		let database: ShardDatabase;
		try {
			database = this.#services.shards.named(name);
		} catch {
			throw new MoveRefused("database", "nothing is bound under this name");
		}
		for (const { name: table } of [...TABLES, { name: "moves" }, { name: "copying" }]) {
			const rows = await database.all(sql`SELECT 1 FROM ${sql.raw(table)} LIMIT 1`).catch(() => undefined);
			if (!rows) throw new MoveRefused("database", `has no table ${table}: apply the migrations`);
			if (rows.length > 0 && !(await this.#services.table.read()).databases.includes(name))
				throw new MoveRefused("database", `is not empty: ${table} has rows`);
		}
		await this.#change(({ placement, databases }) =>
			databases.includes(name) ? undefined : { ...placement, databases: [...placement.databases, name] },
		);
	}

	async #move(range: PlacedRange, to: string): Promise<Report> {
		const source = this.#services.shards.named(range.database);
		const target = this.#services.shards.named(to);
		const holder = crypto.randomUUID();
		const { from: low, to: high } = range;
		const [known] = await source.all<{ phase: string; progress: string }>(
			sql`SELECT phase, progress FROM moves WHERE low = ${low}`,
		);
		if (known?.phase === "moved") return this.#switch(range, to);
		await target.all(sql`INSERT INTO moves (low, high, phase, holder) VALUES (${low}, ${high}, 'arriving', ${holder})
			ON CONFLICT (low) DO UPDATE SET phase = excluded.phase, holder = excluded.holder`);
		if (!known) await this.#capture(source, range);
		const progress: Progress = known ? JSON.parse(known.progress) : START;
		return this.#advance(range, to, new Transfer(source, target, range, holder, this.#sizes), holder, progress);
	}

	/** Has every write to the range noted. Postgres waits for those who were writing before they could be. */
	async #capture(source: ShardDatabase, { from, to }: Span): Promise<void> {
		const tables = sql.raw(TABLES.map(({ name }) => name).join(", "));
		const lock = source.dialect === "postgres" ? [sql`LOCK TABLE ${tables} IN SHARE ROW EXCLUSIVE MODE`] : [];
		await source.batch([
			...lock,
			sql`INSERT INTO moves (low, high, phase, progress) VALUES (${from}, ${to}, 'copying', ${JSON.stringify(START)})
				ON CONFLICT (low) DO NOTHING`,
		]);
	}

	async #advance(range: PlacedRange, to: string, transfer: Transfer, holder: string, from: Progress): Promise<Report> {
		let progress = from;
		const until = this.#services.now() + TIME;
		let copied = 0;
		const save = (next: Progress) => {
			progress = next;
			return note(transfer.source, range, next);
		};
		for (let looks = 0; looks < LOOKS && copied < ROWS && this.#services.now() < until; looks++) {
			if (progress.step === "copy") {
				const { next, rows } = await transfer.copy(progress.place);
				copied += rows;
				await save(next ? { ...progress, place: next } : { ...START, step: "compare" });
			} else if (progress.step === "compare") {
				// What is known to have changed is no difference.
				if (progress.place.table === 0 && progress.place.after === null) {
					if ((await transfer.catchUp()).more) continue;
				}
				const { next, rows, checksum, differing } = await transfer.compare(progress.place);
				copied += rows;
				await save({
					step: next ? "compare" : "ready",
					place: next ?? START.place,
					rows: progress.rows + rows,
					checksum: (progress.checksum + checksum) >>> 0,
					differing: progress.differing + differing,
				});
			} else if (!(await transfer.catchUp()).more) {
				// Every isolate must know that the range is moving before it does: see Guarded in ../shards.ts.
				if (this.#services.now() < (range.since ?? 0) + this.#services.live.spread) return report("wait", progress);
				return this.#fence(range, to, transfer, holder, progress);
			}
		}
		if (progress.step === "ready") return report("catch up", progress);
		return report(progress.step === "copy" ? "copy" : "compare", progress);
	}

	/** Refuses writes, takes the last ones along, and switches. Whoever writes meanwhile waits and tries again. */
	async #fence(
		range: PlacedRange,
		to: string,
		transfer: Transfer,
		holder: string,
		progress: Progress,
	): Promise<Report> {
		const { source } = transfer;
		const mine = sql`low = ${range.from} AND phase = 'fenced' AND holder = ${holder}`;
		await source.all(sql`UPDATE moves SET phase = 'fenced', holder = ${holder}
			WHERE low = ${range.from} AND phase IN ('copying', 'fenced')`);
		const until = this.#services.now() + FENCED;
		let caught = false;
		try {
			while (!caught && this.#services.now() < until) caught = (await transfer.catchUp()).keys === 0;
			const closed = caught && (await source.all(sql`UPDATE moves SET phase = 'moved' WHERE ${mine} RETURNING 1`));
			caught = closed !== false && closed.length > 0;
		} finally {
			if (!caught) await source.all(sql`UPDATE moves SET phase = 'copying' WHERE ${mine}`);
		}
		return caught ? this.#switch(range, to, progress) : report("catch up", progress);
	}

	/** Nothing reads or writes the range now, until the map names its new place. */
	async #switch(range: PlacedRange, to: string, progress?: Progress): Promise<Report> {
		const { from: low, to: high, database } = range;
		await this.#services.shards.named(to).all(sql`DELETE FROM moves WHERE low = ${low}`);
		const map = await this.#change(({ placement, rangeOf }) => {
			if (rangeOf(low).state !== "moving" || rangeOf(low).target !== to) return;
			const left = { from: low, to: high, database, since: this.#services.now() };
			const there = placed(placement, { from: low, to: high, database: to, state: "active" });
			return { ...there, leaving: [...placement.leaving, left] };
		});
		if (map.rangeOf(low).database !== to) {
			// It was aborted at the last moment.
			await this.#release(this.#services.shards.named(database), range);
			throw new MoveRefused("shards", "the move was aborted");
		}
		return report("switch", progress);
	}

	/** Erases what is left of a range in a database that does not serve it, when nobody can look for it there any more. */
	async #erase(map: ShardMap, left: Span & { database: string; since: number }): Promise<Report> {
		if (rangesIn(map, left).some(({ database, target }) => database === left.database || target === left.database))
			throw new Error("what is served is not erased");
		if (this.#services.now() < left.since + this.#services.live.spread) return report("wait");
		const database = this.#services.shards.named(left.database);
		const holder = crypto.randomUUID();
		const [row] = await database.all<{ progress: string | null }>(
			sql`INSERT INTO moves (low, high, phase, holder) VALUES (${left.from}, ${left.to}, 'moved', ${holder})
				ON CONFLICT (low) DO UPDATE SET phase = excluded.phase, holder = excluded.holder RETURNING progress`,
		);
		const known: Progress = row?.progress ? JSON.parse(row.progress) : START;
		let place = known.step === "erase" ? known.place : START.place;
		const until = this.#services.now() + TIME;
		for (let looks = 0; looks < LOOKS && this.#services.now() < until; looks++) {
			const table = TABLES[place.table];
			if (!table) {
				await this.#release(database, left);
				await this.#change(({ placement }) => ({
					...placement,
					leaving: placement.leaving.filter((each) => each.from !== left.from || each.database !== left.database),
				}));
				return report("done");
			}
			const end = await windowEnd(database, table, place.after, ERASE);
			await writeAs(holder, database, left, [erasure(database, table, left, place.after, end)]);
			place = end ? { table: place.table, after: end } : { table: place.table + 1, after: null };
			await note(database, left, { ...START, step: "erase", place });
		}
		return report("erase");
	}

	/** Ends what a database does because of a move. */
	async #release(database: ShardDatabase, { from, to }: Span): Promise<void> {
		await database.batch([
			sql`DELETE FROM moves WHERE low = ${from} AND high = ${to}`,
			sql`DELETE FROM moved_keys WHERE shard BETWEEN ${from} AND ${to}`,
		]);
	}

	/** Changes the newest map, again when somebody else was faster. @returns the map afterwards. */
	async #change(
		next: (map: {
			placement: Placement;
			databases: readonly string[];
			rangeOf: ShardMap["rangeOf"];
		}) => Omit<Placement, "version"> | undefined,
	): Promise<ShardMap> {
		for (;;) {
			const map = await this.#services.table.read();
			const { placement, databases } = map;
			const changed = next({ placement, databases, rangeOf: (shard) => map.rangeOf(shard) });
			if (!changed) return map;
			const whole = { ...changed, version: map.version + 1 };
			if (!(await this.#services.table.replace(whole))) continue;
			// This isolate need not find out by being refused; another look does no harm.
			await this.#services.live.refresh().catch(() => undefined);
			return map.with(whole);
		}
	}

	get #sizes(): Sizes {
		return this.#services.sizes ?? SIZES;
	}
}

function rangesIn(map: ShardMap, { from, to }: Span): PlacedRange[] {
	return Array.from({ length: to - from + 1 }, (_, i) => map.rangeOf(from + i));
}

async function note(database: ShardDatabase, { from }: Span, progress: Progress): Promise<void> {
	await database.all(sql`UPDATE moves SET progress = ${JSON.stringify(progress)} WHERE low = ${from}`);
}

function report(step: Report["step"], { rows, checksum, differing } = START): Report {
	return { step, rows, checksum, differing };
}

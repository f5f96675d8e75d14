import { vi } from "vitest";
import { type Id, logicalShardOf } from "../src/store/ids.ts";
import { env } from "./env.ts";

/** The database that an account of the home region `apac` is on. */
export const databaseOf = ({ id }: { id: string }): D1Database =>
	logicalShardOf(id as Id) < 320 ? env.SHARD_0 : env.SHARD_1;

/** Has something happen before or after a database answers statements that contain `text`, alone or in a batch; `vi.restoreAllMocks` ends it. */
export function obstruct(
	database: D1Database,
	text: string,
	{ before, after }: { before?: () => Promise<void>; after?: () => Promise<void> },
): void {
	const prepare = database.prepare.bind(database);
	const batch = database.batch.bind(database);
	const watched = new WeakSet<D1PreparedStatement>();
	const late = (statement: D1PreparedStatement): D1PreparedStatement => {
		const proxy = new Proxy(statement, {
			get(target, name) {
				const value = Reflect.get(target, name);
				if (name === "bind") return (...values: unknown[]) => late(target.bind(...values));
				if (typeof value !== "function") return value;
				return async (...given: unknown[]) => {
					await before?.();
					const answer = await value.apply(target, given);
					await after?.();
					return answer;
				};
			},
		});
		watched.add(proxy);
		return proxy;
	};
	vi.spyOn(database, "batch").mockImplementation(async <T>(statements: D1PreparedStatement[]) => {
		if (!statements.some((statement) => watched.has(statement))) return batch<T>(statements);
		await before?.();
		const answers = await batch<T>(statements);
		await after?.();
		return answers;
	});
	vi.spyOn(database, "prepare").mockImplementation((query) =>
		query.includes(text) ? late(prepare(query)) : prepare(query),
	);
}

declare module "*?raw" {
	const text: string;
	export default text;
}

/** Of Node's, what the tests over Postgres use: the other tests know no Node. */
declare module "node:sqlite" {
	export class DatabaseSync {
		constructor(path: string);
		exec(sql: string): void;
		prepare(sql: string): { all(...values: (string | number | null)[]): unknown[] };
	}
}

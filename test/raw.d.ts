declare module "*?raw" {
	const text: string;
	export default text;
}

/** Of Node's, what makes the pictures of the tests, and weighs the SDK. */
declare module "node:zlib" {
	export function crc32(data: Uint8Array): number;
	export function deflateSync(data: Uint8Array): Uint8Array;
	export function gzipSync(data: Uint8Array): Uint8Array;
}

/** Of Node's, what the tests over Postgres use: the other tests know no Node. */
declare module "node:sqlite" {
	export class DatabaseSync {
		constructor(path: string);
		exec(sql: string): void;
		prepare(sql: string): { all(...values: (string | number | null)[]): unknown[] };
	}
}

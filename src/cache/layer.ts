/** A value with its age. */
export interface Kept<T = unknown> {
	readonly value: T;
	/** Unix milliseconds before the store was asked: whatever was committed by then is in the value. */
	readonly asOf: number;
}

/**
 * A place where values are kept near their readers. It promises nothing: a value may be gone, old or somebody else's at
 * any time, and every operation may fail or hang. `Layered` decides what is used. Keys are `<kind>/<key>`, values JSON.
 */
export interface Layer {
	readonly name: "memory" | "edge" | "grid";
	/** What is there, by key; the rest is left out. */
	get(keys: readonly string[]): Promise<ReadonlyMap<string, Kept>>;
	/** @param lifetime milliseconds, counted from each value's `asOf` */
	put(entries: ReadonlyMap<string, Kept>, lifetime: number): Promise<void>;
	drop(keys: readonly string[]): Promise<void>;
}

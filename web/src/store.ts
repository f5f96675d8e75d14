import { useEffect, useState } from "preact/hooks";

/** Something that changes and says so. A snapshot stays the same object until it changes. */
export interface Watched<Snapshot> {
	get(): Snapshot;
	/** @returns what ends it */
	subscribe(listener: () => void): () => void;
}

export interface Store<Value> extends Watched<Value> {
	set(value: Value): void;
}

export function createStore<Value>(initial: Value): Store<Value> {
	const listeners = new Set<() => void>();
	let value = initial;
	return {
		get: () => value,
		set(next) {
			if (Object.is(next, value)) return;
			value = next;
			for (const listener of [...listeners]) listener();
		},
		subscribe(listener) {
			listeners.add(listener);
			return () => void listeners.delete(listener);
		},
	};
}

/** The present snapshot; draws the component anew when there is another one. */
export function useWatched<Snapshot>(watched: Watched<Snapshot>): Snapshot {
	const [, redraw] = useState({});
	const snapshot = watched.get();
	useEffect(() => {
		const look = () => {
			if (!Object.is(watched.get(), snapshot)) redraw({});
		};
		// It may have changed between the drawing and now.
		look();
		return watched.subscribe(look);
	}, [watched, snapshot]);
	return snapshot;
}

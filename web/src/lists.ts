import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** A page of one of the API's lists. */
export interface Page<Item> {
	items: Item[];
	next: string | null;
}

export interface List<Item> {
	items: Item[];
	/** Nothing is known yet. */
	loading: boolean;
	loadingMore: boolean;
	hasMore: boolean;
	error: unknown;
	loadMore(): void;
	/** Reads from the beginning; what is shown stays until the answer is there. */
	reload(): void;
	/** Changes what is held: after something was done to it here. */
	change(change: (items: Item[]) => Item[]): void;
}

/**
 * A list that is read page by page. It begins anew when `question` changes; `null` asks nothing yet. Items that come
 * twice, because the list moved between two pages, are shown once.
 */
export function useList<Item>(
	question: string | null,
	read: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
	keyOf: (item: Item) => string,
): List<Item> {
	const [state, setState] = useState<{
		items: Item[];
		next: string | null;
		known: boolean;
		busy: boolean;
		error: unknown;
	}>({
		items: [],
		next: null,
		known: false,
		busy: question !== null,
		error: undefined,
	});
	const running = useRef<AbortController | undefined>(undefined);
	const latest = useRef({ read, keyOf });
	latest.current = { read, keyOf };

	const ask = useCallback((cursor: string | undefined) => {
		running.current?.abort();
		const controller = new AbortController();
		running.current = controller;
		setState((now) => ({ ...now, busy: true, error: undefined }));
		latest.current.read(cursor, controller.signal).then(
			({ items, next }) => {
				if (controller.signal.aborted) return;
				setState((now) => {
					const seen = new Set(cursor === undefined ? [] : now.items.map(latest.current.keyOf));
					const fresh = items.filter((item) => !seen.has(latest.current.keyOf(item)));
					const all = cursor === undefined ? fresh : [...now.items, ...fresh];
					return { items: all, next, known: true, busy: false, error: undefined };
				});
			},
			(error: unknown) => {
				if (controller.signal.aborted) return;
				setState((now) => ({ ...now, busy: false, error }));
			},
		);
	}, []);

	useEffect(() => {
		setState({ items: [], next: null, known: false, busy: question !== null, error: undefined });
		if (question !== null) ask(undefined);
		return () => running.current?.abort();
	}, [question, ask]);

	return {
		items: state.items,
		loading: state.busy && !state.known,
		loadingMore: state.busy && state.known,
		hasMore: state.next !== null,
		error: state.error,
		loadMore() {
			if (state.next !== null && !state.busy) ask(state.next);
		},
		reload: () => ask(undefined),
		change: (change) => setState((now) => ({ ...now, items: change(now.items) })),
	};
}

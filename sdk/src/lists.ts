/** A page of a list; `next` is the cursor of the page after it, null at the end. */
export interface Page<T> {
	items: T[];
	next: string | null;
}

export interface PageOptions {
	/** 1 to 100, 20 by default. */
	limit?: number;
	/** `next` of the page before. */
	cursor?: string;
	signal?: AbortSignal;
}

export interface AllOptions {
	/** Items that are fetched at once: 1 to 100. */
	pageSize?: number;
	signal?: AbortSignal;
}

/** A list of the service: page by page, or item by item to its end. */
export interface List<T, Of extends unknown[] = []> {
	page(...args: [...of: Of, options?: PageOptions]): Promise<Page<T>>;
	all(...args: [...of: Of, options?: AllOptions]): AsyncGenerator<T, void, undefined>;
}

/**
 * @param load one page of the list; `of` is what the list is of, as many arguments as `arity` says
 */
export function listOf<T, Of extends unknown[] = []>(
	arity: Of["length"],
	load: (options: PageOptions, ...of: Of) => Promise<Page<T>>,
): List<T, Of> {
	const split = <O>(args: unknown[]): [of: Of, options: O] => [
		args.slice(0, arity) as Of,
		(args[arity] as O | undefined) ?? ({} as O),
	];
	return {
		page(...args) {
			const [of, options] = split<PageOptions>(args);
			return load(options, ...of);
		},
		async *all(...args) {
			const [of, { pageSize = 100, signal }] = split<AllOptions>(args);
			const options: PageOptions = { limit: pageSize, ...(signal ? { signal } : {}) };
			for (let cursor: string | null | undefined; cursor !== null; ) {
				const page: Page<T> = await load(cursor === undefined ? options : { ...options, cursor }, ...of);
				yield* page.items;
				cursor = page.next;
			}
		},
	};
}

/** When to try again: pure. */

export interface Backoff {
	/** Milliseconds: the most that the first wait takes, and the most that any does. */
	first: number;
	longest: number;
}

/**
 * A random wait between half of and the whole of what doubles with each failure, so that clients that failed together
 * do not come back together.
 *
 * @param failures how many there were, from 1
 * @param random 0 to 1
 * @returns milliseconds
 */
export function waitAfter(failures: number, { first, longest }: Backoff, random: number): number {
	const most = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
	return most / 2 + (most / 2) * random;
}

/** Resolves after so many milliseconds, or as soon as the signal is aborted. Never rejects. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		if (signal?.aborted) return resolve();
		const done = () => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", done);
			resolve();
		};
		const timer = setTimeout(done, milliseconds);
		signal?.addEventListener("abort", done);
	});
}

/** @throws what the signal was aborted with; React Native's signals have no reason */
export function throwIfAborted(signal: AbortSignal | undefined): void {
	if (signal?.aborted) throw reasonOf(signal);
}

export function reasonOf(signal: AbortSignal): unknown {
	if (signal.reason !== undefined) return signal.reason;
	const error = new Error("The call was aborted");
	error.name = "AbortError";
	return error;
}

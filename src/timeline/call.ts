const TRIES = 3;
const PAUSE = 50;

/**
 * Calls an object in a way that is safe to repeat. An error breaks a stub, so each try takes a fresh one. An overloaded
 * object is left alone: more calls would not help it
 * (https://developers.cloudflare.com/durable-objects/best-practices/error-handling/).
 */
export async function callObject<S, T>(fresh: () => S, run: (stub: S) => Promise<T>): Promise<T> {
	for (let attempt = 1; ; attempt++) {
		try {
			return await run(fresh());
		} catch (error) {
			const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
			if (!retryable || overloaded || attempt === TRIES) throw error;
			await new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** attempt * Math.random()));
		}
	}
}

/**
 * Which objects are awake. Each holds files open, and workerd lets go of one only after ten idle seconds: a
 * hundred thousand in a row would be more files than a process may have. So now and then all are put to sleep.
 */

/** So many at most, before a batch of at most a thousand. */
const MOST = 5200;
const AT_ONCE = 200;

const awake = new Map<string, () => Promise<unknown>>();
/** Milliseconds that putting to sleep took since this was last told. */
let paused = 0;

/** To be called by an object that wakes; `sleep` calls its method of that name by its binding. */
export function noteAwake(name: string, sleep: () => Promise<unknown>): void {
	awake.set(name, sleep);
}

export async function putAllToSleep(): Promise<void> {
	const all = [...awake.values()];
	awake.clear();
	for (let at = 0; at < all.length; at += AT_ONCE) {
		// Each ends as a call to an object that is no more.
		await Promise.allSettled(all.slice(at, at + AT_ONCE).map((sleep) => sleep()));
	}
}

/** To be called before a batch. */
export async function makeRoom(): Promise<void> {
	if (awake.size <= MOST) return;
	const start = Date.now();
	await putAllToSleep();
	paused += Date.now() - start;
}

/** @returns for how many milliseconds the batches have waited for {@link makeRoom} since the last call. */
export function takePaused(): number {
	const milliseconds = paused;
	paused = 0;
	return milliseconds;
}

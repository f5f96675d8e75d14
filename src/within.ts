/** @returns whether `work` was done in time. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
	let timer: number | null = null;
	const late = new Promise<false>((resolve) => {
		timer = setTimeout(() => resolve(false), milliseconds);
	});
	try {
		return await Promise.race([work.then(() => true as const), late]);
	} finally {
		clearTimeout(timer);
	}
}

/** @throws Error `message` when `work` is not done in time; it then goes on unheard. */
export async function inTime<T>(milliseconds: number, work: Promise<T>, message: string): Promise<T> {
	if (await within(milliseconds, work)) return work;
	throw new Error(message);
}

/** @returns whether `work` was done in time. */
export async function within(milliseconds: number, work: Promise<void>): Promise<boolean> {
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

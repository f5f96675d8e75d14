/** What a call of the service answered: it throws what is no success. The document says what `T` is. */
export async function answerOf<T>(call: Promise<{ data?: unknown }>): Promise<T> {
	const { data } = await call;
	return data as T;
}

/** Ends in nothing. */
export async function done(call: Promise<unknown>): Promise<void> {
	await call;
}

/** Tells those who listen. One that throws keeps nobody else from hearing. */
export class Signal<T> {
	readonly #listeners = new Set<(value: T) => void>();

	/** @returns what ends it */
	subscribe(listener: (value: T) => void): () => void {
		// A function of its own each time: who listens twice is told twice, and ends each apart.
		const own = (value: T) => listener(value);
		this.#listeners.add(own);
		return () => {
			this.#listeners.delete(own);
		};
	}

	emit(value: T): void {
		for (const listener of [...this.#listeners]) {
			try {
				listener(value);
			} catch (error) {
				setTimeout(() => {
					throw error;
				});
			}
		}
	}
}

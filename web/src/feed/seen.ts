/** Milliseconds that posts are looked at before they count as read. */
const LOOKED_AT = 700;

/**
 * Says which posts are being looked at: at least half in sight, or filling half of the screen, for a moment, in a tab
 * that is in front.
 */
export class SeenPosts {
	readonly #observer: IntersectionObserver;
	readonly #inSight = new Map<Element, string>();
	readonly #ids = new WeakMap<Element, string>();
	readonly #told: (ids: Iterable<string>) => void;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(told: (ids: Iterable<string>) => void) {
		this.#told = told;
		this.#observer = new IntersectionObserver((entries) => this.#look(entries), { threshold: [0, 0.25, 0.5, 0.75, 1] });
		document.addEventListener("visibilitychange", this.#wait);
	}

	/** @returns what ends it */
	watch(element: Element, id: string): () => void {
		this.#ids.set(element, id);
		this.#observer.observe(element);
		return () => {
			this.#observer.unobserve(element);
			this.#inSight.delete(element);
		};
	}

	close(): void {
		clearTimeout(this.#timer);
		this.#observer.disconnect();
		document.removeEventListener("visibilitychange", this.#wait);
	}

	#look(entries: readonly IntersectionObserverEntry[]): void {
		for (const { target, isIntersecting, intersectionRatio, intersectionRect } of entries) {
			const id = this.#ids.get(target);
			const seen = isIntersecting && (intersectionRatio >= 0.5 || intersectionRect.height >= innerHeight / 2);
			if (seen && id !== undefined) this.#inSight.set(target, id);
			else this.#inSight.delete(target);
		}
		this.#wait();
	}

	readonly #wait = (): void => {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => {
			if (document.visibilityState === "visible" && this.#inSight.size > 0) this.#told(this.#inSight.values());
		}, LOOKED_AT);
	};
}

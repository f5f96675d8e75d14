/** How long a screen that one comes back to may take to be as tall as it was, in milliseconds. */
const PATIENCE = 1500;

/**
 * Gives a screen that one comes back to its scroll position again, once what it reads is there. The browser tries only
 * once, before that. The home feed looks after its own place.
 */
export function rememberScroll(): void {
	history.scrollRestoration = "manual";
	let timer: ReturnType<typeof setTimeout> | undefined;
	let stop: (() => void) | undefined;
	addEventListener(
		"scroll",
		() => {
			clearTimeout(timer);
			const { href } = location;
			timer = setTimeout(() => {
				if (location.href === href) history.replaceState({ ...history.state, scroll: scrollY }, "");
			}, 150);
		},
		{ passive: true },
	);
	addEventListener("popstate", (event) => {
		stop?.();
		clearTimeout(timer);
		const wanted = (event.state as { scroll?: number } | null)?.scroll ?? 0;
		if (location.pathname !== "/") stop = comeTo(wanted);
	});
}

/** Scrolls as far as the screen is tall already, until it is tall enough, the reader scrolls, or it takes too long. */
function comeTo(wanted: number): () => void {
	const until = performance.now() + PATIENCE;
	let over = false;
	const end = () => {
		over = true;
		for (const name of ["wheel", "touchmove", "keydown"] as const) removeEventListener(name, end);
	};
	for (const name of ["wheel", "touchmove", "keydown"] as const) addEventListener(name, end, { passive: true });
	const look = () => {
		if (over) return;
		scrollTo({ top: wanted });
		if (Math.abs(scrollY - wanted) < 2 || performance.now() > until) end();
		else requestAnimationFrame(look);
	};
	requestAnimationFrame(look);
	return end;
}

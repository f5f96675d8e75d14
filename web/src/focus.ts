let navigated = false;

/** Called when the reader has gone to another screen: its heading gets the focus when it is drawn. */
export function noteNavigation(): void {
	navigated = true;
}

/** After a navigation, and not on the first load: there the browser's own order is right. */
export function takeFocus(heading: HTMLElement | null): void {
	if (!navigated || !heading) return;
	navigated = false;
	heading.focus({ preventScroll: true });
}

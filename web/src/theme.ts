export const APPEARANCES = ["system", "light", "dark"] as const;
export type Appearance = (typeof APPEARANCES)[number];

const KEPT = "edgefeed.appearance";

export function keptAppearance(): Appearance {
	const kept = localStorage.getItem(KEPT);
	return APPEARANCES.find((each) => each === kept) ?? "system";
}

/** Shows the app light, dark or as the system is, now and from now on. */
export function chooseAppearance(appearance: Appearance): void {
	localStorage.setItem(KEPT, appearance);
	applyAppearance(appearance);
}

export function applyAppearance(appearance: Appearance = keptAppearance()): void {
	const root = document.documentElement;
	if (appearance === "system") delete root.dataset.theme;
	else root.dataset.theme = appearance;
	// The browser's own frame follows: the colour for the other scheme gets this one's.
	for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
		const own = meta.media.includes("dark") ? "dark" : "light";
		meta.content = COLORS[appearance === "system" ? own : appearance];
	}
}

const COLORS = { light: "#ffffff", dark: "#12151a" } as const;

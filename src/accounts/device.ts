/** The first that is found is it: browsers name those that they descend from as well. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
	[/\bEdg(?:A|iOS)?\//, "Edge"],
	[/\bOPR\//, "Opera"],
	[/\bSamsungBrowser\//, "Samsung Internet"],
	[/\b(?:Firefox|FxiOS)\//, "Firefox"],
	[/\b(?:Chrome|CriOS)\//, "Chrome"],
	[/\bVersion\/\S+.*\bSafari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
	[/\biPhone\b/, "iPhone"],
	[/\biPad\b/, "iPad"],
	[/\bAndroid\b/, "Android"],
	[/\bWindows\b/, "Windows"],
	[/\bCrOS\b/, "ChromeOS"],
	[/\b(?:Macintosh|Mac OS X|Darwin)\b/, "macOS"],
	[/\bLinux\b/, "Linux"],
];
const LONGEST = 40;

/**
 * What a person calls the device that a `User-Agent` is of, like `Safari on iPhone`; for an app of your own, the name
 * it begins with; null when nothing can be told.
 */
export function deviceOf(userAgent: string | null | undefined): string | null {
	if (!userAgent) return null;
	const find = (list: typeof BROWSERS) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
	const product = /^[A-Za-z][\w .-]*(?=\/)/.exec(userAgent)?.[0].trim().slice(0, LONGEST);
	const program = find(BROWSERS) ?? (product === "Mozilla" ? undefined : product);
	const system = find(SYSTEMS);
	return program && system ? `${program} on ${system}` : (program ?? system ?? null);
}

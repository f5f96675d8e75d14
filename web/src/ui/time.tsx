import { useEffect } from "preact/hooks";
import { createStore, useWatched } from "../store.ts";
import { language, t } from "../texts/texts.ts";

const MINUTE = 60_000;
const clock = createStore(Date.now());
let watchers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** How long ago something was, kept up to date; the whole date in its title. */
export function Time({ at }: { at: string }) {
	const now = useWatched(clock);
	useEffect(() => {
		if (watchers++ === 0) timer = setInterval(() => clock.set(Date.now()), MINUTE);
		return () => {
			if (--watchers === 0) clearInterval(timer);
		};
	}, []);
	const then = Date.parse(at);
	return (
		<time datetime={at} title={wholeDate(then)}>
			{sinceThen(then, Math.max(now, Date.now()))}
		</time>
	);
}

export function wholeDate(at: number): string {
	return new Intl.DateTimeFormat(language(), { dateStyle: "long", timeStyle: "short" }).format(at);
}

export function shortDate(at: number, now: number = Date.now()): string {
	const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
	const year = sameYear ? {} : ({ year: "numeric" } as const);
	return new Intl.DateTimeFormat(language(), { month: "short", day: "numeric", ...year }).format(at);
}

/** "now", "5 min. ago", "3 hr. ago", "2 days ago", then the date. */
export function sinceThen(at: number, now: number): string {
	const minutes = Math.floor((now - at) / MINUTE);
	if (minutes < 1) return t("common.justNow");
	const relative = new Intl.RelativeTimeFormat(language(), { style: "narrow" });
	if (minutes < 60) return relative.format(-minutes, "minute");
	const hours = Math.floor(minutes / 60);
	if (hours < 24) return relative.format(-hours, "hour");
	const days = Math.floor(hours / 24);
	return days < 7 ? relative.format(-days, "day") : shortDate(at, now);
}

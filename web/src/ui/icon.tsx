import type { JSX } from "preact";

/** Drawn on a grid of 24, as lines of the text's colour. */
const ICONS = {
	home: "M4 11.5 12 4l8 7.5M6 10v9h4.5v-5h3v5H18v-9",
	friends:
		"M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.500M16 4.300a3.5 3.5 0 0 1 0 6.500M18 14.900c2 .8 3.2 2.6 3.5 5.1",
	search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM15.3 15.3 20 20",
	profile: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.6-3.9 3.6-6 7.5-6s6.9 2.1 7.5 6",
	settings:
		"M4 7h9M17 7h3M4 17h3M11 17h9M15 9.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM9 19.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
	compose: "M12 5v14M5 12h14",
	heart:
		"M12 20S4 15.3 4 9.500A4.3 4.3 0 0 1 8.3 5C10 5 11.3 6 12 7.3 12.7 6 14 5 15.7 5A4.3 4.3 0 0 1 20 9.500C20 15.3 12 20 12 20Z",
	comment: "M4 5.500h16v11H11l-4 3.500v-3.500H4z",
	more: "M5 10.7a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6ZM12 10.7a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6ZM19 10.7a1.3 1.3 0 1 0 0 2.6 1.3 1.3 0 0 0 0-2.6Z",
	close: "M6 6l12 12M18 6 6 18",
	back: "M10.5 5 3.5 12l7 7M4 12h16.5",
	next: "m9.5 5 7 7-7 7",
	previous: "m14.5 5-7 7 7 7",
	photo: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 3-3L20 17M15.5 9.500h.01",
	video: "M3.5 6.500h11.500v11H3.500zM15 11l5.5-3.500v9L15 13",
	play: "M8 5.500v13l10.5-6.500z",
	globe:
		"M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.500c2.5 2.6 3.5 5.4 3.5 8.500s-1 5.9-3.5 8.500c-2.5-2.6-3.5-5.4-3.5-8.500s1-5.9 3.5-8.500Z",
	followers:
		"M12 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM5 20c.5-3.5 3.2-5.3 7-5.3 1.3 0 2.5.2 3.5.6M18.5 15.500v5M16 18h5",
	key: "M8 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 12h9M17.500 12v3.500M21 12v2.500",
	lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
	edit: "M5 19l1-4L16 5l3 3L9 18l-4 1ZM14 7l3 3",
	trash: "M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7M10.5 10.500v5.500M13.5 10.500v5.5",
	mute: "M4 10v4h3.500L12 18V6L7.5 10zM16 10l4 4M20 10l-4 4",
	block: "M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM6 6l12 12",
	link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.700l1-1",
	up: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
	down: "M12 5v14M5.5 12.5 12 19l6.5-6.5",
	check: "m5 12.5 5 5L19.5 7",
	warning: "M12 4 2.5 20h19zM12 10v5M12 17.500h.01",
	offline:
		"M3 3l18 18M8.5 15.500a5 5 0 0 1 6-.7M5.5 12a9.5 9.5 0 0 1 4.5-2.300M2.5 8.500A14 14 0 0 1 7 5.700M12 5c3.6 0 7 1.3 9.5 3.500M15 9.800c1.3.5 2.5 1.2 3.5 2.200M12 19h.01",
	clock: "M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7v5l3.5 2",
	bell: "M6 16.500V11a6 6 0 0 1 12 0v5.500l1.5 1.500h-15zM10 20.500h4",
	device: "M7 3.500h10v17H7zM11 17.500h2",
	language: "M4 6h9M8.5 4v2M11 6c-.8 4-3.3 6.8-6.5 8M6 9c1 2.3 3 4.3 5.5 5M12.5 20l4-9 4 9M14 17h5",
	user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c.6-3.9 3.6-6 7.5-6s6.9 2.1 7.5 6",
} as const satisfies Record<string, string>;

export type IconName = keyof typeof ICONS;

/** Decoration: what it stands for is said by the text or the label beside it. */
export function Icon({ name, filled }: { name: IconName; filled?: boolean | undefined }): JSX.Element {
	return (
		<svg class={filled ? "icon icon-filled" : "icon"} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
			<path d={ICONS[name]} />
		</svg>
	);
}

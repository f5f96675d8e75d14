import { useState } from "preact/hooks";
import { apiAddress } from "../api-base.ts";

interface Person {
	id: string;
	displayName: string;
	avatarUrl?: string | null | undefined;
}

const HUES = 8;

/** A person's picture, or the first letter of the name. It says nothing: the name stands beside it. */
export function Avatar({
	person,
	size = "medium",
}: {
	person: Person;
	size?: "small" | "medium" | "large" | undefined;
}) {
	const [broken, setBroken] = useState<string>();
	const address = person.avatarUrl ? apiAddress(person.avatarUrl) : undefined;
	const box = `avatar avatar-${size}`;
	if (address && address !== broken)
		return (
			<img
				class={box}
				src={address}
				alt=""
				width={48}
				height={48}
				loading="lazy"
				decoding="async"
				onError={() => setBroken(address)}
			/>
		);
	return (
		<span class={`${box} avatar-hue-${hueOf(person.id)}`} aria-hidden="true">
			{initialOf(person.displayName)}
		</span>
	);
}

/** The first letter as a reader sees it: one of several code points is still one. */
function initialOf(name: string): string {
	const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(name.trim());
	return first?.segment.toLocaleUpperCase() ?? "?";
}

function hueOf(id: string): number {
	let sum = 0;
	for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
	return sum % HUES;
}

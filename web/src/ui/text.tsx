import { useMemo } from "preact/hooks";
import { findLinks } from "./links.ts";

/**
 * What somebody wrote: nothing but text nodes and links, so that none of it can become markup. Line breaks are kept by
 * the style sheet, the direction is the text's own.
 */
export function Text({ text, class: extra }: { text: string; class?: string | undefined }) {
	const pieces = useMemo(() => findLinks(text), [text]);
	return (
		<div class={extra ? `text ${extra}` : "text"} dir="auto">
			{pieces.map((piece, index) => {
				if (piece.kind === "text") return piece.text;
				if (piece.kind === "mention")
					return (
						<a key={index} href={`/@${piece.username}`}>
							{piece.text}
						</a>
					);
				return (
					<a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
						{piece.text}
					</a>
				);
			})}
		</div>
	);
}

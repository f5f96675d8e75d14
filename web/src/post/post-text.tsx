import { useState } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Text } from "../ui/text.tsx";

/** What is shown of a long post before one asks for more: so many characters or lines are shown whole. */
const SHORT = { characters: 700, lines: 12 };

/** A post's text; a long one is cut by the style sheet until it is opened. */
export function PostText({ text, whole }: { text: string; whole: boolean }) {
	const [open, setOpen] = useState(whole);
	const long = text.length > SHORT.characters || text.split("\n").length > SHORT.lines;
	if (open || !long) return <Text text={text} class={whole ? "post-text post-whole" : "post-text"} />;
	return (
		<>
			<Text text={text} class="post-text post-cut" />
			<Button kind="quiet" small onClick={() => setOpen(true)}>
				{t("post.showMore")}
			</Button>
		</>
	);
}

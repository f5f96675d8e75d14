import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../ui/dialog.tsx";
import { closeComposer, type Subject, useOpened } from "./opened.ts";

type Content = ComponentType<{ subject: Subject; onDone: () => void }>;

/** Where the composer opens on wide screens; its code is fetched when it does. */
export function ComposeDialog() {
	const subject = useOpened();
	const [loaded, setLoaded] = useState<{ Content: Content; titleOf: (subject: Subject) => string }>();
	useEffect(() => {
		if (!subject || loaded) return;
		import("./compose-subject.tsx").then(
			({ ComposeSubject, titleOf }) => setLoaded({ Content: ComposeSubject, titleOf }),
			closeComposer,
		);
	}, [subject, loaded]);
	if (!subject || !loaded) return null;
	const { Content, titleOf } = loaded;
	return (
		<Dialog title={titleOf(subject)} onClose={closeComposer}>
			<Content subject={subject} onDone={closeComposer} />
		</Dialog>
	);
}

import { useMemo } from "preact/hooks";
import { useLocation } from "preact-iso";
import { ComposeSubject, titleOf } from "../compose/compose-subject.tsx";
import { subjectOf } from "../compose/opened.ts";
import { Screen } from "../ui/screen.tsx";

/** The composer as a screen of its own: on phones, and where other apps share something to. */
export function ComposeScreen() {
	const { route, url } = useLocation();
	const subject = useMemo(() => subjectOf(url), [url]);
	return (
		<Screen title={titleOf(subject)} back>
			<ComposeSubject subject={subject} onDone={() => route("/")} />
		</Screen>
	);
}

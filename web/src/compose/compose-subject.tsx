import type { KeptDraft, Post } from "@edgefeed/sdk";
import { useEffect, useMemo, useState } from "preact/hooks";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { ErrorState, Spinner } from "../ui/states.tsx";
import { ComposerForm } from "./composer.tsx";
import type { Subject } from "./opened.ts";
import type { Writing } from "./use-composer.ts";

/** The composer, once it is known what is written. */
export function ComposeSubject({ subject, onDone }: { subject: Subject; onDone: () => void }) {
	const [post, setPost] = useState<Post>();
	/** Undefined until it is read. */
	const [draft, setDraft] = useState<KeptDraft | null>();
	const [error, setError] = useState<unknown>();
	const [asked, setAsked] = useState(0);
	const { kind } = subject;
	const id = kind === "new" ? undefined : subject.id;
	useEffect(() => {
		if (kind !== "post" || id === undefined) return;
		const stop = new AbortController();
		setError(undefined);
		edgefeed.posts.get(id, { signal: stop.signal }).then(setPost, (reason: unknown) => {
			if (!stop.signal.aborted) setError(reason);
		});
		return () => stop.abort();
	}, [kind, id, asked]);
	useEffect(() => {
		if (kind === "new") edgefeed.outbox.draft().then(setDraft, () => setDraft(null));
	}, [kind]);
	const shared = kind === "new" ? subject.text : "";
	const writing = useMemo((): Writing | undefined => {
		if (kind === "new") return draft === undefined ? undefined : { kind, text: shared, draft };
		if (kind === "post") return post && { kind, post };
		const item = edgefeed.outbox.state.items.find((each) => each.id === id);
		return item && { kind, item };
	}, [kind, id, shared, post, draft]);
	if (error !== undefined) return <ErrorState error={error} onRetry={() => setAsked(asked + 1)} />;
	if (kind === "waiting" && !writing) return <p class="state">{t("compose.sentAlready")}</p>;
	return writing ? <ComposerForm key={`${kind}-${id}`} writing={writing} onDone={onDone} /> : <Spinner />;
}

export function titleOf({ kind }: Subject): string {
	return kind === "new" ? t("common.newPost") : t("compose.editPost");
}

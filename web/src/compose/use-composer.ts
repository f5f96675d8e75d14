import { type Audience, type EntryMedia, type KeptDraft, mintKey, type OutboxItem, type Post } from "@edgefeed/sdk";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { showNewest } from "../home-feed.ts";
import { edgefeed } from "../session.ts";
import { useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Attachments } from "./attachments.ts";
import { keepAudience, keptAudience } from "./kept-audience.ts";
import { LONGEST, lengthOf } from "./length.ts";
import { type ComposedLink, useLink } from "./use-link.ts";

/** What is written, and what it was before. */
export type Writing =
	| { kind: "new"; text: string; draft: KeptDraft | null }
	| { kind: "post"; post: Post }
	| { kind: "waiting"; item: OutboxItem };

/** Milliseconds without a change until the draft is kept. */
const QUIET = 300;

export interface Composer {
	text: string;
	setText: (text: string) => void;
	audience: Audience;
	setAudience: (audience: Audience) => void;
	attachments: Attachments;
	link: ComposedLink;
	/** Why it cannot be posted as it is; null when it can. */
	hindrance: "empty" | "too-long" | "failed" | null;
	/** There is something that would be lost. */
	filled: boolean;
	submit: () => Promise<void>;
	/** Empties it, and forgets the draft. */
	discard: () => void;
}

export function useComposer(writing: Writing): Composer {
	const before = useMemo(() => beforeOf(writing), [writing]);
	const [text, setText] = useState(before.text);
	const [audience, setAudience] = useState<Audience>(before.audience);
	const attachments = useMemo(() => attachmentsOf(writing), [writing]);
	const list = useWatched(attachments);
	const link = useLink(text, before.linked, before.refusedLink);
	const draftId = useRef(before.draftId);
	/** It is posted: nothing of it is kept any more. */
	const over = useRef(false);
	const isNew = writing.kind === "new";
	useEffect(() => () => attachments.close(), [attachments]);

	const held = list.flatMap((each): EntryMedia[] => (each.held ? [each.held] : []));
	const first = useRef(true);
	const latest = useRef<() => void>(() => undefined);
	latest.current = () => {
		if (!isNew || over.current) return;
		const empty = text.trim() === "" && held.length === 0;
		const draft = empty ? null : { id: draftId.current, text, audience, media: held, refusedLink: link.dismissed };
		void edgefeed.outbox.keepDraft(draft).catch(() => undefined);
	};
	useEffect(() => {
		// What was just read need not be written.
		if (first.current) {
			first.current = false;
			return;
		}
		const timer = setTimeout(() => latest.current(), QUIET);
		return () => clearTimeout(timer);
	}, [text, audience, list, link.dismissed]);
	useEffect(() => {
		const keep = () => latest.current();
		addEventListener("pagehide", keep);
		return () => {
			removeEventListener("pagehide", keep);
			if (!first.current) keep();
		};
	}, []);

	const blank = text.trim() === "";
	const failed = list.some(({ status }) => status === "failed");
	return {
		text,
		setText,
		audience,
		setAudience(next) {
			setAudience(next);
			if (isNew) keepAudience(next);
		},
		attachments,
		link,
		hindrance: blank && list.length === 0 ? "empty" : lengthOf(text) > LONGEST ? "too-long" : failed ? "failed" : null,
		filled: !blank || list.length > 0,
		async submit() {
			await attachments.settled(writing.kind === "post");
			const media = attachments.get().flatMap((each) => (each.held ? [each.held] : []));
			const content = { text: blank ? "" : text, audience, link: link.link, media };
			if (writing.kind === "post") await savePost(writing.post, content);
			else if (writing.kind === "waiting") {
				if (!(await edgefeed.outbox.edit(writing.item.id, content))) throw new ComposeProblem(t("compose.sentAlready"));
			} else {
				over.current = true;
				try {
					await edgefeed.outbox.add({ ...content, draftId: draftId.current });
				} catch (error) {
					over.current = false;
					throw error;
				}
				showNewest();
			}
		},
		discard() {
			for (const { key } of attachments.get()) attachments.remove(key, true);
			setText("");
			void edgefeed.outbox.keepDraft(null).catch(() => undefined);
		},
	};
}

function beforeOf(writing: Writing) {
	const none = { linked: undefined, refusedLink: null, draftId: mintKey() };
	switch (writing.kind) {
		case "new": {
			const { draft, text } = writing;
			if (!draft) return { ...none, text, audience: keptAudience() };
			const { audience = keptAudience(), id, refusedLink = null } = draft;
			return { ...none, text: [draft.text, text].filter(Boolean).join("\n"), audience, refusedLink, draftId: id };
		}
		case "post": {
			const { audience, link, preview, text } = writing.post;
			return { ...none, text, audience, linked: { link, preview } };
		}
		case "waiting": {
			const { audience = keptAudience(), link = null, text } = writing.item.content;
			return { ...none, text, audience, linked: { link, preview: null } };
		}
	}
}

function attachmentsOf(writing: Writing): Attachments {
	const attachments = new Attachments();
	if (writing.kind === "post") attachments.show(writing.post.media);
	if (writing.kind === "waiting") attachments.resume(writing.item.content.media);
	if (writing.kind === "new" && writing.draft) attachments.resume(writing.draft.media);
	return attachments;
}

/** What hinders, in the reader's language. */
export class ComposeProblem extends Error {}

/** An edit of a post that is on the server wants the server. */
async function savePost(
	post: Post,
	{ audience, link, media, text }: { text: string; audience: Audience; link: string | null; media: EntryMedia[] },
): Promise<void> {
	if (media.some(({ id }) => id === null)) throw new ComposeProblem(t("compose.notUploaded"));
	for (const { alt, altThere, id } of media)
		if (id !== null && alt !== altThere) await edgefeed.media.describe(id, alt);
	const ids = media.flatMap(({ id }) => (id === null ? [] : [id]));
	const same = ids.length === post.media.length && ids.every((id, index) => id === post.media[index]?.id);
	await edgefeed.posts.edit(post.id, { text, audience, link, ...(same ? {} : { media: ids }) });
}

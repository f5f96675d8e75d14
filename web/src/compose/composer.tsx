import "../style/compose.css";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { useMe } from "../me.ts";
import { audienceText } from "../post/audience.tsx";
import { LinkPreview } from "../post/link-preview.tsx";
import { fieldProblems, problemText } from "../problems.ts";
import { useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Button, IconButton } from "../ui/button.tsx";
import { Select } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import { AttachmentList } from "./attachment-list.tsx";
import { MOST } from "./attachments.ts";
import { AUDIENCES } from "./kept-audience.ts";
import { roomLeft } from "./length.ts";
import { PHOTO_TYPES, VIDEO_TYPES } from "./prepare.ts";
import { ComposeProblem, type Composer, useComposer, type Writing } from "./use-composer.ts";

const TAKEN = [...PHOTO_TYPES, ...VIDEO_TYPES].join(",");

interface ComposerFormProps {
	/** The same object for as long as the same is written. */
	writing: Writing;
	/** It is posted, or saved. */
	onDone: () => void;
}

/** Where a post is written or edited: its text, its photos and videos, who can see it. */
export function ComposerForm({ writing, onDone }: ComposerFormProps) {
	const composer = useComposer(writing);
	const { attachments, audience, hindrance, link, text } = composer;
	const list = useWatched(attachments);
	const me = useMe();
	const [problem, setProblem] = useState<unknown>();
	const [over, setOver] = useState(false);
	const picker = useRef<HTMLInputElement>(null);
	const [submit, busy] = useAction(
		async () => {
			if (hindrance) return;
			setProblem(undefined);
			await composer.submit();
			onDone();
		},
		(error) => setProblem(error),
	);
	const isNew = writing.kind === "new";
	const take = (files: Iterable<File>) => {
		if (attachments.add(files) > 0) toast(t("compose.tooMany", { count: MOST }), { kind: "problem" });
	};
	const fields = fieldProblems(problem);
	return (
		<form
			class={over ? "composer composer-over" : "composer"}
			onSubmit={(event) => {
				event.preventDefault();
				void submit();
			}}
			onKeyDown={(event) => {
				if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
				event.preventDefault();
				void submit();
			}}
			onPaste={(event) => {
				const files = filesOf(event.clipboardData);
				if (files.length === 0) return;
				event.preventDefault();
				take(files);
			}}
			onDragOver={(event) => {
				if (!event.dataTransfer?.types.includes("Files")) return;
				event.preventDefault();
				setOver(true);
			}}
			onDragLeave={(event) => {
				if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
			}}
			onDrop={(event) => {
				setOver(false);
				const files = filesOf(event.dataTransfer);
				if (files.length === 0) return;
				event.preventDefault();
				take(files);
			}}
		>
			<div class="composer-head">
				{me && <Avatar person={me} />}
				<Select
					label={t("compose.audience")}
					compact
					value={audience}
					options={AUDIENCES.map((value) => ({ value, label: audienceText(value) }))}
					onChange={composer.setAudience}
				/>
				{isNew && composer.filled && (
					<Button kind="quiet" small onClick={composer.discard}>
						{t("compose.discard")}
					</Button>
				)}
			</div>
			<Words composer={composer} error={fields.text} />
			<AttachmentList attachments={attachments} list={list} forget={writing.kind !== "waiting"} />
			{link.link !== null && (
				<div class="composer-link" aria-live="polite">
					<LinkPreview link={link.link} preview={link.preview} />
					{link.pending && <span class="visually-hidden">{t("common.loading")}</span>}
					<IconButton icon="close" label={t("compose.removeLink")} onClick={link.dismiss} />
				</div>
			)}
			{problem !== undefined && !fields.text && (
				<p class="form-problem" role="alert">
					{problem instanceof ComposeProblem ? problem.message : problemText(problem)}
				</p>
			)}
			<div class="composer-foot">
				<input
					ref={picker}
					type="file"
					accept={TAKEN}
					multiple
					hidden
					onChange={(event) => {
						take([...(event.currentTarget.files ?? [])]);
						event.currentTarget.value = "";
					}}
				/>
				<IconButton
					icon="photo"
					label={t("compose.addMedia")}
					disabled={list.length >= MOST}
					onClick={() => picker.current?.click()}
				/>
				<Counter text={text} />
				<Button kind="primary" type="submit" busy={busy} disabled={hindrance !== null}>
					{isNew ? t("compose.post") : t("common.save")}
				</Button>
			</div>
		</form>
	);
}

/** The text, in a field that grows with it. */
function Words({ composer, error }: { composer: Composer; error: string | undefined }) {
	const { hindrance, setText, text } = composer;
	const element = useRef<HTMLTextAreaElement>(null);
	useEffect(() => {
		// After the dialog or the screen has put the focus where it puts it.
		const timer = setTimeout(() => {
			const field = element.current;
			field?.focus();
			field?.setSelectionRange(field.value.length, field.value.length);
		});
		return () => clearTimeout(timer);
	}, []);
	useEffect(() => {
		const field = element.current;
		// Where the style does it, nothing is to be done.
		if (!field || CSS.supports("field-sizing", "content")) return;
		field.style.setProperty("height", "auto");
		field.style.setProperty("height", `${field.scrollHeight}px`);
	}, [text]);
	const problem = error ?? (hindrance === "too-long" ? t("compose.tooLong") : undefined);
	return (
		<div class="composer-words">
			<textarea
				ref={element}
				aria-label={t("compose.text")}
				placeholder={t("compose.text")}
				value={text}
				rows={3}
				dir="auto"
				aria-invalid={problem ? true : undefined}
				aria-describedby={problem ? "composer-problem" : undefined}
				onInput={(event) => setText(event.currentTarget.value)}
			/>
			{problem && (
				<p class="field-error" id="composer-problem" role="alert">
					{problem}
				</p>
			)}
		</div>
	);
}

/** How much room is left, when there is little. It is said aloud only near the end. */
function Counter({ text }: { text: string }) {
	const left = roomLeft(text);
	return (
		<span class={left !== null && left < 0 ? "counter counter-over" : "counter"}>
			{left !== null && (
				<span aria-hidden="true" data-left={left}>
					{left}
				</span>
			)}
			<span class="visually-hidden" role="status">
				{left !== null && (left <= 20 || left % 50 === 0) ? t("compose.left", { count: left }) : ""}
			</span>
		</span>
	);
}

function filesOf(data: DataTransfer | null): File[] {
	return [...(data?.files ?? [])].filter(({ type }) => type.startsWith("image/") || type.startsWith("video/"));
}

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { CHARACTERS, lengthOf } from "./length.ts";

interface CommentFormProps {
	/** What the field is called; it is seen as a hint in it. */
	label: string;
	/** What the button says. */
	action: string;
	text: string;
	onText: (text: string) => void;
	/** Of a text that is neither empty nor too long. */
	onSend: (text: string) => void | Promise<void>;
	onCancel?: (() => void) | undefined;
	busy?: boolean | undefined;
	error?: string | undefined;
	/** The field takes the focus when it appears. */
	focus?: boolean | undefined;
}

/** Characters from which on it is said how many are left. */
const NEAR = 200;

/** A comment that is being written or changed. Control or Command with Enter sends it, Escape gives it up. */
export function CommentForm({ label, action, text, onText, onSend, onCancel, busy, error, focus }: CommentFormProps) {
	const id = useId();
	const field = useRef<HTMLTextAreaElement>(null);
	const [tried, setTried] = useState(false);
	const left = CHARACTERS - lengthOf(text);
	const tooLong = left < 0 ? t("thread.tooLong", { count: -left }) : undefined;
	const fault = tooLong ?? error;

	useEffect(() => {
		if (!focus) return;
		field.current?.focus();
		field.current?.setSelectionRange(field.current.value.length, field.current.value.length);
	}, [focus]);

	const send = () => {
		setTried(true);
		if (busy || text.trim() === "" || left < 0) return field.current?.focus();
		void onSend(text.trim());
		setTried(false);
		field.current?.focus();
	};

	return (
		<form
			class="comment-form"
			onSubmit={(event) => {
				event.preventDefault();
				send();
			}}
		>
			<label class="visually-hidden" for={id}>
				{label}
			</label>
			<textarea
				ref={field}
				id={id}
				rows={1}
				dir="auto"
				placeholder={label}
				value={text}
				aria-invalid={fault && tried ? true : undefined}
				aria-describedby={`${id}-left`}
				onInput={(event) => onText(event.currentTarget.value)}
				onKeyDown={(event) => {
					// Enter that ends the input of Korean or Japanese is none of ours.
					if (event.isComposing) return;
					if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
						event.preventDefault();
						send();
					} else if (event.key === "Escape" && onCancel) {
						event.preventDefault();
						onCancel();
					}
				}}
			/>
			<div class="comment-form-actions">
				<span id={`${id}-left`} class={fault ? "field-error" : "hint"} aria-live="polite">
					{fault ?? (left <= NEAR ? left : "")}
				</span>
				{onCancel && (
					<Button kind="quiet" small onClick={onCancel}>
						{t("common.cancel")}
					</Button>
				)}
				<Button type="submit" kind="primary" small busy={busy}>
					{action}
				</Button>
			</div>
		</form>
	);
}

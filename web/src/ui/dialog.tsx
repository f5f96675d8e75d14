import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { createStore, useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Button, IconButton } from "./button.tsx";

interface DialogProps {
	title: string;
	onClose: () => void;
	children?: ComponentChildren;
	/** Buttons below what is said. */
	actions?: ComponentChildren;
	wide?: boolean | undefined;
}

/**
 * A dialog over the screen, as long as it is drawn. Escape, the cross and a click beside it call `onClose`; the
 * browser keeps the focus inside and gives it back after.
 */
export function Dialog({ title, onClose, children, actions, wide }: DialogProps) {
	const id = useId();
	const element = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const dialog = element.current;
		dialog?.showModal();
		return () => dialog?.close();
	}, []);
	return (
		// biome-ignore lint/a11y/useKeyWithClickEvents: Escape does what a click beside it does.
		<dialog
			ref={element}
			class={wide ? "dialog dialog-wide" : "dialog"}
			aria-labelledby={id}
			onCancel={(event) => {
				if (event.target !== element.current) return;
				event.preventDefault();
				onClose();
			}}
			onClick={(event) => {
				if (event.target === element.current) onClose();
			}}
		>
			<div class="dialog-body">
				<header class="dialog-head">
					<h2 id={id}>{title}</h2>
					<IconButton icon="close" label={t("common.close")} onClick={onClose} />
				</header>
				{children}
				{actions && <footer class="dialog-actions">{actions}</footer>}
			</div>
		</dialog>
	);
}

interface Question {
	title: string;
	body?: string | undefined;
	/** What the button that does it says. */
	action: string;
	danger?: boolean | undefined;
}

const asked = createStore<(Question & { answer: (yes: boolean) => void }) | null>(null);

/** Asks before something is done. */
export function confirm(question: Question): Promise<boolean> {
	asked.get()?.answer(false);
	return new Promise((resolve) => {
		asked.set({
			...question,
			answer(yes) {
				asked.set(null);
				resolve(yes);
			},
		});
	});
}

/** Where questions are asked; once, beside the screens. */
export function Questions() {
	const question = useWatched(asked);
	if (!question) return null;
	const { title, body, action, danger, answer } = question;
	return (
		<Dialog
			title={title}
			onClose={() => answer(false)}
			actions={
				<>
					<Button onClick={() => answer(false)}>{t("common.cancel")}</Button>
					<Button kind={danger ? "danger" : "primary"} onClick={() => answer(true)}>
						{action}
					</Button>
				</>
			}
		>
			{body && <p>{body}</p>}
		</Dialog>
	);
}

import { createStore, useWatched } from "../store.ts";
import { t } from "../texts/texts.ts";
import { Button, IconButton } from "./button.tsx";

interface ToastOptions {
	/** A problem stays longer, and is told at once. */
	kind?: "done" | "problem" | undefined;
	action?: { label: string; run: () => void } | undefined;
	/** Stays until it is closed. */
	stays?: boolean | undefined;
}

interface Shown extends ToastOptions {
	id: number;
	text: string;
}

const shown = createStore<readonly Shown[]>([]);
let last = 0;

/** Says something for a few seconds at the edge of the screen. @returns what takes it away */
export function toast(text: string, options: ToastOptions = {}): () => void {
	const id = ++last;
	const remove = () => shown.set(shown.get().filter((each) => each.id !== id));
	// Three at most: who does much in a row needs to see the latest.
	shown.set([...shown.get().slice(-2), { ...options, id, text }]);
	if (!options.stays) setTimeout(remove, options.action || options.kind === "problem" ? 8000 : 4000);
	return remove;
}

export function Toasts() {
	const toasts = useWatched(shown);
	return (
		<div class="toasts" role="status" aria-live="polite">
			{toasts.map(({ id, text, kind, action }) => (
				<div key={id} class={kind === "problem" ? "toast toast-problem" : "toast"}>
					<span>{text}</span>
					{action && (
						<Button
							kind="quiet"
							small
							onClick={() => {
								action.run();
								shown.set(shown.get().filter((each) => each.id !== id));
							}}
						>
							{action.label}
						</Button>
					)}
					<IconButton
						icon="close"
						label={t("common.close")}
						onClick={() => shown.set(shown.get().filter((each) => each.id !== id))}
					/>
				</div>
			))}
		</div>
	);
}

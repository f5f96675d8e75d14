import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed, storage, useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { wholeDate } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

/** Milliseconds between two looks at an export that is being made. */
const LOOK = 2000;
const NAME = "edgefeed-export.json";

type State =
	| { at: "none" }
	| { at: "making" }
	/** `address` is of the file, in the memory of this page. */
	| { at: "ready"; until: string; address: string };

/** Everything that one has made, as a file. An export that was asked for is found again after a reload. */
export function ExportSettings() {
	const accountId = useAccountId();
	const key = `export/${accountId}`;
	const [state, setState] = useState<State>({ at: "none" });
	const [error, setError] = useState<string>();
	const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
	const wanted = useRef(true);
	const link = useRef<HTMLAnchorElement>(null);

	const look = async (id: string) => {
		try {
			const { state: is, expiresAt, archive } = await edgefeed.exports.get(id);
			if (!wanted.current) return;
			if (is === "making" || !archive) {
				setState({ at: "making" });
				timer.current = setTimeout(() => void look(id), LOOK);
				return;
			}
			const file = new Blob([JSON.stringify(archive)], { type: "application/json" });
			setState({ at: "ready", until: expiresAt ?? "", address: URL.createObjectURL(file) });
		} catch (fault) {
			if (!wanted.current) return;
			setState({ at: "none" });
			if (hasCode(fault, "export_not_found")) {
				setError(t("settings.exportGone"));
				await storage.delete(key).catch(() => undefined);
			} else setError(problemText(fault));
		}
	};

	useEffect(() => {
		wanted.current = true;
		void storage
			.get(key)
			.catch(() => undefined)
			.then((id) => (id ? look(id) : undefined));
		return () => {
			wanted.current = false;
			clearTimeout(timer.current);
		};
	}, [key]);
	const address = state.at === "ready" ? state.address : undefined;
	useEffect(() => {
		if (address === undefined) return;
		link.current?.focus();
		return () => URL.revokeObjectURL(address);
	}, [address]);

	const [start, busy] = useAction(
		async () => {
			setError(undefined);
			const { id } = await edgefeed.exports.request();
			await storage.set(key, id).catch(() => undefined);
			setState({ at: "making" });
			await look(id);
		},
		(fault) => setError(problemText(fault)),
	);

	return (
		<section class="settings-group" aria-labelledby="export">
			<h2 id="export">{t("settings.yourData")}</h2>
			<p>{t("settings.exportHint")}</p>
			<p role="status">
				{state.at === "making" && t("settings.exportMaking")}
				{state.at === "ready" && t("settings.exportReady", { date: wholeDate(Date.parse(state.until)) })}
			</p>
			{error && (
				<p class="field-error" role="alert">
					{error}
				</p>
			)}
			<div class="settings-actions">
				{state.at === "ready" && (
					<a
						ref={link}
						class="button button-primary"
						href={state.address}
						download={NAME}
						onClick={() => toast(t("settings.exportSaved"))}
					>
						{t("settings.exportDownload")}
					</a>
				)}
				<Button busy={busy || state.at === "making"} onClick={start}>
					{t("settings.exportStart")}
				</Button>
			</div>
		</section>
	);
}

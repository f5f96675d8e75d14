import { useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { confirm, Dialog } from "../ui/dialog.tsx";
import { PasswordField } from "../ui/field.tsx";
import { wholeDate } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { ExportSettings } from "./export.tsx";
import { KeepGuest } from "./guest.tsx";

/** One's data, and the ways to leave. */
export function AccountSettings() {
	return (
		<>
			<KeepGuest />
			<ExportSettings />
			<Deactivate />
			<Delete />
		</>
	);
}

function Deactivate() {
	const [deactivate, busy] = useAction(async () => {
		const sure = await confirm({
			title: t("settings.deactivateTitle"),
			body: t("settings.deactivateBody"),
			action: t("settings.deactivate"),
			danger: true,
		});
		if (!sure) return;
		await edgefeed.accounts.deactivate();
		toast(t("settings.deactivated"), { stays: true });
		await edgefeed.session.signOut();
	});
	return (
		<section class="settings-group" aria-labelledby="pause">
			<h2 id="pause">{t("settings.pause")}</h2>
			<p>{t("settings.pauseHint")}</p>
			<Button busy={busy} onClick={deactivate}>
				{t("settings.deactivate")}
			</Button>
		</section>
	);
}

function Delete() {
	const [open, setOpen] = useState(false);
	return (
		<section class="settings-group" aria-labelledby="leave">
			<h2 id="leave">{t("settings.leave")}</h2>
			<p>{t("settings.leaveHint")}</p>
			<Button kind="danger" onClick={() => setOpen(true)}>
				{t("settings.deleteAccount")}
			</Button>
			{open && <DeleteDialog onClose={() => setOpen(false)} />}
		</section>
	);
}

function DeleteDialog({ onClose }: { onClose: () => void }) {
	const [password, setPassword] = useState("");
	const [error, setError] = useState<string>();
	const [remove, busy] = useAction(
		async () => {
			setError(undefined);
			// Who has none, or has just signed in, needs none.
			const { eraseAt } = await edgefeed.accounts.delete(password === "" ? {} : { password });
			onClose();
			toast(t("settings.deleted", { date: eraseAt === null ? "" : wholeDate(Date.parse(eraseAt)) }), { stays: true });
			await edgefeed.session.signOut();
		},
		(fault) => {
			if (hasCode(fault, "reauthentication_required")) setError(t("settings.passwordMissing"));
			else if (hasCode(fault, "invalid_credentials")) setError(t("settings.passwordWrong"));
			else setError(problemText(fault));
		},
	);
	return (
		<Dialog title={t("settings.deleteTitle")} onClose={onClose}>
			<form
				class="settings-form"
				noValidate
				onSubmit={(event) => {
					event.preventDefault();
					void remove();
				}}
			>
				<p>{t("settings.deleteBody")}</p>
				<PasswordField label={t("settings.deletePassword")} value={password} error={error} onInput={setPassword} />
				<div class="dialog-actions">
					<Button onClick={onClose}>{t("common.cancel")}</Button>
					<Button type="submit" kind="danger" busy={busy}>
						{t("settings.deleteConfirm")}
					</Button>
				</div>
			</form>
		</Dialog>
	);
}

import type { WaysIn } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { useMe } from "../me.ts";
import { hasCode, problemText } from "../problems.ts";
import { PASSWORD_MIN } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import { SettingsForm, useFaults } from "./form.tsx";

/** The password, for who has one or can have one: a message to her address leads to the first. */
export function PasswordSettings({ ways }: { ways: WaysIn | undefined }) {
	if (!ways || ways.guest) return null;
	if (ways.password) return <ChangePassword />;
	return ways.email === null ? null : <FirstPassword email={ways.email} />;
}

function FirstPassword({ email }: { email: string }) {
	const [ask, busy] = useAction(async () => {
		await edgefeed.session.requestPasswordReset({ email, redirectTo: `${location.origin}/reset-password` });
		toast(t("settings.passwordSetSent", { email }), { stays: true });
	});
	return (
		<section class="settings-group" aria-labelledby="password">
			<h2 id="password">{t("settings.password")}</h2>
			<p>{t("settings.passwordNone")}</p>
			<Button busy={busy} onClick={ask}>
				{t("settings.passwordSet")}
			</Button>
		</section>
	);
}

/** Another password. All other devices are signed out by it. */
function ChangePassword() {
	const me = useMe();
	const [current, setCurrent] = useState("");
	const [fresh, setFresh] = useState("");
	const by = useFaults<"current" | "fresh">();

	const [change, busy] = useAction(
		async () => {
			await edgefeed.session.authorized("POST", "/auth/change-password", {
				currentPassword: current,
				newPassword: fresh,
			});
			setCurrent("");
			setFresh("");
			toast(t("settings.passwordChanged"));
		},
		(error) => {
			const wrong = hasCode(error, "invalid_credentials");
			by.tell(wrong ? { current: t("settings.passwordWrong") } : { form: problemText(error) });
		},
	);
	return (
		<section class="settings-group" aria-labelledby="password">
			<h2 id="password">{t("settings.password")}</h2>
			<SettingsForm
				by={by}
				action={t("settings.changePassword")}
				busy={busy}
				check={() => ({
					current: current === "" ? t("settings.passwordMissing") : undefined,
					fresh: fresh.length < PASSWORD_MIN ? t("settings.passwordShort") : undefined,
				})}
				onSubmit={change}
			>
				{/* For password managers: whose password it is. */}
				<input type="text" name="username" autocomplete="username" value={me?.username ?? ""} readOnly hidden />
				<PasswordField
					label={t("settings.currentPassword")}
					name="current"
					value={current}
					error={by.faults.current}
					onInput={setCurrent}
				/>
				<PasswordField
					label={t("settings.newPassword")}
					name="fresh"
					fresh
					hint={t("settings.passwordHint")}
					value={fresh}
					error={by.faults.fresh}
					onInput={setFresh}
				/>
			</SettingsForm>
		</section>
	);
}

import type { WaysIn } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { EMAIL } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import { SettingsForm, useFaults } from "./form.tsx";

/** The address of the account, whether it is confirmed, and another one. A guest has none to change. */
export function EmailSettings({ ways }: { ways: WaysIn | undefined }) {
	const [email, setEmail] = useState("");
	const [password, setPassword] = useState("");
	const by = useFaults<"email" | "password">();
	const [again, sending] = useAction(async (address: string) => {
		await edgefeed.session.sendVerification({ email: address });
		toast(t("settings.emailAgainSent", { email: address }));
	});
	const [change, busy] = useAction(
		async () => {
			const newEmail = email.trim();
			await edgefeed.session.changeEmail({ newEmail, ...(password === "" ? {} : { password }) });
			setEmail("");
			setPassword("");
			toast(ways?.emailVerified ? t("settings.emailSentBoth") : t("settings.emailSent", { email: newEmail }), {
				stays: true,
			});
		},
		(error) => {
			if (hasCode(error, "invalid_credentials")) by.tell({ password: t("settings.passwordWrong") });
			else if (hasCode(error, "reauthentication_required")) by.tell({ password: t("settings.passwordMissing") });
			else if (hasCode(error, "invalid_request")) by.tell({ email: t("settings.keepEmailWrong") });
			else by.tell({ form: problemText(error) });
		},
	);
	if (!ways || ways.guest) return null;
	return (
		<section class="settings-group" aria-labelledby="email">
			<h2 id="email">{t("settings.keepEmail")}</h2>
			<p>
				{ways.email ?? t("settings.emailNone")}
				{ways.email && (
					<span class="chip">{ways.emailVerified ? t("settings.emailConfirmed") : t("settings.emailUnconfirmed")}</span>
				)}
			</p>
			{ways.email && !ways.emailVerified && (
				<Button busy={sending} onClick={() => again(ways.email ?? "")}>
					{t("settings.emailAgain")}
				</Button>
			)}
			<SettingsForm
				by={by}
				action={t("settings.emailChange")}
				busy={busy}
				check={() => (EMAIL.test(email.trim()) ? {} : { email: t("settings.keepEmailWrong") })}
				onSubmit={change}
			>
				<Field
					label={t("settings.emailNew")}
					type="email"
					name="email"
					autocomplete="email"
					maxLength={254}
					value={email}
					error={by.faults.email}
					onInput={setEmail}
				/>
				{ways.password && (
					<PasswordField
						label={t("settings.emailPassword")}
						name="password"
						value={password}
						error={by.faults.password}
						onInput={setPassword}
					/>
				)}
			</SettingsForm>
		</section>
	);
}

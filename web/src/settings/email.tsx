import type { WaysIn } from "@edgefeed/sdk";
import { useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { EMAIL } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";

interface Faults {
	email?: string | undefined;
	password?: string | undefined;
	form?: string | undefined;
}

/** The address of the account, whether it is confirmed, and another one. A guest has none to change. */
export function EmailSettings({ ways }: { ways: WaysIn | undefined }) {
	const form = useRef<HTMLFormElement>(null);
	const [email, setEmail] = useState("");
	const [password, setPassword] = useState("");
	const [faults, setFaults] = useState<Faults>({});
	const fault = (found: Faults) => {
		setFaults(found);
		const name = found.email ? "email" : found.password ? "password" : undefined;
		if (name) form.current?.querySelector<HTMLElement>(`[name=${name}]`)?.focus();
	};
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
			if (hasCode(error, "invalid_credentials")) fault({ password: t("settings.passwordWrong") });
			else if (hasCode(error, "reauthentication_required")) fault({ password: t("settings.passwordMissing") });
			else if (hasCode(error, "invalid_request")) fault({ email: t("settings.keepEmailWrong") });
			else fault({ form: problemText(error) });
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
			<form
				class="settings-form"
				noValidate
				ref={form}
				onSubmit={(event) => {
					event.preventDefault();
					if (!EMAIL.test(email.trim())) fault({ email: t("settings.keepEmailWrong") });
					else {
						setFaults({});
						void change();
					}
				}}
			>
				<Field
					label={t("settings.emailNew")}
					type="email"
					name="email"
					autocomplete="email"
					maxLength={254}
					value={email}
					error={faults.email}
					onInput={setEmail}
				/>
				{ways.password && (
					<PasswordField
						label={t("settings.emailPassword")}
						name="password"
						value={password}
						error={faults.password}
						onInput={setPassword}
					/>
				)}
				{faults.form && (
					<p class="field-error" role="alert">
						{faults.form}
					</p>
				)}
				<Button type="submit" busy={busy}>
					{t("settings.emailChange")}
				</Button>
			</form>
		</section>
	);
}

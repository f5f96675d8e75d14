import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { hasCode } from "../problems.ts";
import { EMAIL, PASSWORD_MIN } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { Door, FormProblem, useForm } from "./door.tsx";

/** A new password: first a message is asked for, then its link leads here again with what shows whose mailbox it was. */
export function ResetPasswordScreen() {
	const { query } = useLocation();
	const [token, setToken] = useState(query.token);
	useEffect(() => {
		// Nobody who comes to this device later finds it in the history.
		if (query.token !== undefined) history.replaceState(null, "", "/reset-password");
	}, []);
	return token === undefined ? <Ask /> : <Choose token={token} onAgain={() => setToken(undefined)} />;
}

function Ask() {
	const [email, setEmail] = useState("");
	const [sent, setSent] = useState(false);
	const form = useForm(
		() => (EMAIL.test(email.trim()) ? {} : { email: t("session.emailWrong") }),
		async () => {
			const redirectTo = `${location.origin}/reset-password`;
			await edgefeed.session.requestPasswordReset({ email: email.trim(), redirectTo });
			setSent(true);
		},
	);
	return (
		<Door title={t("session.resetTitle")}>
			{sent ? (
				<p role="status">{t("session.resetSent", { email: email.trim() })}</p>
			) : (
				<form class="form" onSubmit={form.submit} noValidate>
					<p>{t("session.resetHint")}</p>
					<FormProblem error={form.error} />
					<Field
						label={t("session.email")}
						type="email"
						value={email}
						onInput={setEmail}
						error={form.mistakes.email}
						autoComplete="email"
						required
					/>
					<Button type="submit" kind="primary" wide busy={form.busy}>
						{t("session.resetAsk")}
					</Button>
				</form>
			)}
			<p class="door-other">
				<a href="/sign-in">{t("session.signIn")}</a>
			</p>
		</Door>
	);
}

function Choose({ token, onAgain }: { token: string; onAgain: () => void }) {
	const [password, setPassword] = useState("");
	const [changed, setChanged] = useState(false);
	const form = useForm(
		() => (password.length < PASSWORD_MIN ? { newPassword: t("session.passwordShort") } : {}),
		async () => {
			await edgefeed.session.resetPassword({ token, newPassword: password });
			setChanged(true);
		},
	);
	if (changed)
		return (
			<Door title={t("session.resetTitle")}>
				<p role="status">{t("session.resetDone")}</p>
				<ButtonLink kind="primary" wide href="/sign-in">
					{t("session.signIn")}
				</ButtonLink>
			</Door>
		);
	const tooLate = hasCode(form.error, "link_invalid");
	return (
		<Door title={t("session.resetTitle")}>
			<form class="form" onSubmit={form.submit} noValidate>
				<FormProblem error={tooLate ? t("session.linkInvalid") : form.error} />
				<PasswordField
					label={t("session.newPassword")}
					hint={t("session.resetEndsOthers")}
					value={password}
					onInput={setPassword}
					error={form.mistakes.newPassword}
					fresh
					required
				/>
				<Button type="submit" kind="primary" wide busy={form.busy}>
					{t("session.resetChoose")}
				</Button>
			</form>
			{tooLate && (
				<Button kind="quiet" wide onClick={onAgain}>
					{t("session.resetAgain")}
				</Button>
			)}
		</Door>
	);
}

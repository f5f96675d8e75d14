import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { hasCode } from "../problems.ts";
import { EMAIL, PASSWORD_MIN, USERNAME } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button, ButtonLink } from "../ui/button.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { Door, FormProblem, type Mistakes, signInAddress, useForm } from "./door.tsx";

export function SignUpScreen() {
	const { url } = useLocation();
	const [name, setName] = useState("");
	const [username, setUsername] = useState("");
	const [email, setEmail] = useState("");
	const [password, setPassword] = useState("");
	const [mailSent, setMailSent] = useState(false);

	const form = useForm(
		() => mistakesOf({ name, username, email, password }),
		async () => {
			const account = { name: name.trim(), username: username.trim(), email: email.trim(), password };
			const { state } = await edgefeed.session.signUp(account);
			setMailSent(state === "verification-sent");
		},
	);
	// These say which field it is by their code.
	const taken = {
		username: hasCode(form.error, "username_taken"),
		email: hasCode(form.error, "email_taken"),
	};
	const said = form.error instanceof Error && "title" in form.error ? String(form.error.title) : undefined;

	if (mailSent)
		return (
			<Door title={t("session.createTitle")}>
				<p role="status">{t("session.mailSent", { email: email.trim() })}</p>
				<ButtonLink kind="primary" wide href="/sign-in">
					{t("session.signIn")}
				</ButtonLink>
			</Door>
		);
	return (
		<Door title={t("session.createTitle")}>
			<form class="form" onSubmit={form.submit} noValidate>
				<FormProblem error={taken.username || taken.email ? undefined : form.error} />
				<Field
					label={t("session.name")}
					hint={t("session.nameHint")}
					value={name}
					onInput={setName}
					error={form.mistakes.name}
					autoComplete="name"
					maxLength={80}
					required
				/>
				<Field
					label={t("session.username")}
					hint={t("session.usernameHint")}
					value={username}
					onInput={setUsername}
					error={form.mistakes.username ?? (taken.username ? said : undefined)}
					autoComplete="username"
					autoCapitalize="none"
					spellcheck={false}
					maxLength={30}
					required
				/>
				<Field
					label={t("session.email")}
					type="email"
					value={email}
					onInput={setEmail}
					error={form.mistakes.email ?? (taken.email ? said : undefined)}
					autoComplete="email"
					required
				/>
				<PasswordField
					label={t("session.password")}
					hint={t("session.passwordHint")}
					value={password}
					onInput={setPassword}
					error={form.mistakes.password}
					fresh
					required
				/>
				<Button type="submit" kind="primary" wide busy={form.busy}>
					{t("session.createAccount")}
				</Button>
			</form>
			<p class="door-other">
				{tWith("session.haveAccount", { link: <a href={signInAddress(url)}>{t("session.signIn")}</a> })}
			</p>
		</Door>
	);
}

function mistakesOf(given: { name: string; username: string; email: string; password: string }): Mistakes {
	const mistakes: Mistakes = {};
	if (given.name.trim() === "") mistakes.name = t("session.required");
	if (!USERNAME.test(given.username.trim())) mistakes.username = t("session.usernameWrong");
	if (!EMAIL.test(given.email.trim())) mistakes.email = t("session.emailWrong");
	if (given.password.length < PASSWORD_MIN) mistakes.password = t("session.passwordShort");
	return mistakes;
}

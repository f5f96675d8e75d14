import type { SignInResult } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useAction } from "../actions.ts";
import { noteNavigation } from "../focus.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { Door, FormProblem, type Mistakes, signUpAddress, useForm } from "./door.tsx";
import { linkOutcome } from "./link-outcome.ts";
import { ComingBack, OtherServices } from "./other-services.tsx";

/** By name or address and password, then a second factor if the account has one; by a passkey; by another service. */
export function SignInScreen() {
	const { query } = useLocation();
	const [code, setCode] = useState(query.code);
	const [challenge, setChallenge] = useState<string>();
	if (code !== undefined) return <ComingBack code={code} onAgain={() => setCode(undefined)} />;
	if (challenge === undefined) return <PasswordForm onChallenge={setChallenge} />;
	return <CodeForm challenge={challenge} onAgain={() => setChallenge(undefined)} />;
}

/** Whether the browser has passkeys. */
const PASSKEYS = "PublicKeyCredential" in globalThis;

function PasswordForm({ onChallenge }: { onChallenge: (challenge: string) => void }) {
	const { url, query } = useLocation();
	const [name, setName] = useState("");
	const [password, setPassword] = useState("");
	const form = useForm(
		() => ({ ...required("name", name), ...required("password", password) }),
		async () => {
			const known = name.trim();
			const who = known.includes("@") ? { email: known } : { username: known };
			take(await edgefeed.session.signIn({ ...who, password }), onChallenge);
		},
	);
	const [error, setError] = useState<unknown>();
	const [asGuest, guestBusy] = useAction(async () => {
		setError(undefined);
		await edgefeed.session.signInAsGuest();
	}, setError);
	const [byPasskey, passkeyBusy] = useAction(
		async () => {
			setError(undefined);
			await edgefeed.passkeys.signIn();
		},
		// Whoever has thought better of it knows that.
		(fault) => setError(hasCode(fault, "cancelled") ? undefined : fault),
	);
	const { name: missing, username, email, password: wrong } = form.mistakes;
	const outcome = linkOutcome(query);
	return (
		<Door title={t("session.signInTitle")} tagline>
			{outcome && (outcome.problem ? <FormProblem error={outcome.text} /> : <p role="status">{outcome.text}</p>)}
			<form class="form" onSubmit={form.submit} noValidate>
				<FormProblem error={form.error} />
				<Field
					label={t("session.usernameOrEmail")}
					name="username"
					value={name}
					onInput={setName}
					error={missing ?? username ?? email}
					autoComplete="username webauthn"
					autoCapitalize="none"
					spellcheck={false}
					required
				/>
				<PasswordField
					label={t("session.password")}
					name="password"
					value={password}
					onInput={setPassword}
					error={wrong}
					required
				/>
				<Button type="submit" kind="primary" wide busy={form.busy}>
					{t("session.signIn")}
				</Button>
			</form>
			<p class="door-other">
				<a href="/reset-password">{t("session.forgot")}</a>
			</p>
			<p class="door-other">
				{tWith("session.newHere", { link: <a href={signUpAddress(url)}>{t("session.createAccount")}</a> })}
			</p>
			<div class="door-guest">
				{error !== undefined && (
					<p class="field-error" role="alert">
						{problemText(error)}
					</p>
				)}
				{PASSKEYS && (
					<Button wide icon="key" busy={passkeyBusy} onClick={byPasskey}>
						{t("session.passkey")}
					</Button>
				)}
				<Button kind="quiet" wide busy={guestBusy} onClick={asGuest}>
					{t("session.guest")}
				</Button>
				<p class="hint">{t("session.guestHint")}</p>
				<OtherServices />
			</div>
		</Door>
	);
}

function CodeForm({ challenge, onAgain }: { challenge: string; onAgain: () => void }) {
	const [code, setCode] = useState("");
	const [backup, setBackup] = useState(false);
	const form = useForm(
		() => required("code", code),
		async () => {
			await edgefeed.session.verifyTwoFactor({ challenge, code: code.replace(/\s/g, "") });
		},
	);
	return (
		<Door title={t("session.codeTitle")}>
			<form class="form" onSubmit={form.submit} noValidate>
				<FormProblem error={form.error} />
				{backup ? (
					<Field
						key="backup"
						label={t("session.backupCode")}
						value={code}
						onInput={setCode}
						error={form.mistakes.code}
						autoComplete="off"
						required
					/>
				) : (
					<Field
						key="app"
						label={t("session.code")}
						hint={t("session.codeHint")}
						value={code}
						onInput={setCode}
						error={form.mistakes.code}
						inputMode="numeric"
						autoComplete="one-time-code"
						maxLength={7}
						required
					/>
				)}
				<Button type="submit" kind="primary" wide busy={form.busy}>
					{t("session.verify")}
				</Button>
			</form>
			<div class="door-other">
				<Button
					kind="quiet"
					onClick={() => {
						setBackup(!backup);
						setCode("");
					}}
				>
					{backup ? t("session.useApp") : t("session.useBackupCode")}
				</Button>
				<Button kind="quiet" onClick={onAgain}>
					{t("session.startOver")}
				</Button>
			</div>
		</Door>
	);
}

/** A session that was made shows by itself: the app draws what is for who is signed in. */
function take(result: SignInResult, onChallenge: (challenge: string) => void): void {
	if (result.state !== "two-factor") return;
	// Another question on the same screen: its heading is read out.
	noteNavigation();
	onChallenge(result.twoFactor.challenge);
}

function required(field: string, value: string): Mistakes {
	return value.trim() === "" ? { [field]: t("session.required") } : {};
}

import type { WaysIn } from "@edgefeed/sdk";
import { useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { useMe } from "../me.ts";
import { hasCode, problemText } from "../problems.ts";
import { PASSWORD_MIN } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";

interface Faults {
	current?: string | undefined;
	fresh?: string | undefined;
	form?: string | undefined;
}

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
	const form = useRef<HTMLFormElement>(null);
	const [current, setCurrent] = useState("");
	const [fresh, setFresh] = useState("");
	const [faults, setFaults] = useState<Faults>({});
	const focus = (name: string) => form.current?.querySelector<HTMLElement>(`[name=${name}]`)?.focus();

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
			if (hasCode(error, "invalid_credentials")) {
				setFaults({ current: t("settings.passwordWrong") });
				focus("current");
			} else setFaults({ form: problemText(error) });
		},
	);
	const submit = (event: Event) => {
		event.preventDefault();
		const found: Faults = {
			...(current === "" ? { current: t("settings.passwordMissing") } : {}),
			...(fresh.length < PASSWORD_MIN ? { fresh: t("settings.passwordShort") } : {}),
		};
		setFaults(found);
		if (found.current) focus("current");
		else if (found.fresh) focus("fresh");
		else void change();
	};
	return (
		<section class="settings-group" aria-labelledby="password">
			<h2 id="password">{t("settings.password")}</h2>
			<form class="settings-form" noValidate ref={form} onSubmit={submit}>
				{/* For password managers: whose password it is. */}
				<input type="text" name="username" autocomplete="username" value={me?.username ?? ""} readOnly hidden />
				<PasswordField
					label={t("settings.currentPassword")}
					name="current"
					value={current}
					error={faults.current}
					onInput={setCurrent}
				/>
				<PasswordField
					label={t("settings.newPassword")}
					name="fresh"
					fresh
					hint={t("settings.passwordHint")}
					value={fresh}
					error={faults.fresh}
					onInput={setFresh}
				/>
				{faults.form && (
					<p class="field-error" role="alert">
						{faults.form}
					</p>
				)}
				<Button type="submit" busy={busy}>
					{t("settings.changePassword")}
				</Button>
			</form>
		</section>
	);
}

import type { Account } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { useMe } from "../me.ts";
import { hasCode, problemText } from "../problems.ts";
import { PASSWORD_MIN } from "../rules.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { confirm } from "../ui/dialog.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import { SettingsForm, useFaults } from "./form.tsx";

/** Whether nobody could come back to this account. What cannot be asked is told by the name that was made for it. */
async function isGuest({ id, username }: Account): Promise<boolean> {
	return edgefeed.session.waysIn().then(
		({ guest }) => guest,
		() => username === `user_${id.toLowerCase()}`,
	);
}

/** Asks a guest before signing out: nobody can come back to such an account. */
export async function surelySignsOut(me: Account | null): Promise<boolean> {
	if (!me || !(await isGuest(me))) return true;
	return confirm({
		title: t("settings.guestOutTitle"),
		body: t("settings.guestOutBody"),
		action: t("common.signOut"),
		danger: true,
	});
}

/** A guest's way to an account that lasts. Nobody else sees it. */
export function KeepGuest() {
	const me = useMe();
	const [guest, setGuest] = useState(false);
	const [email, setEmail] = useState("");
	const [password, setPassword] = useState("");
	const by = useFaults<"email" | "password">();
	useEffect(() => {
		if (me) void isGuest(me).then(setGuest);
	}, [me]);
	const [keep, busy] = useAction(
		async () => {
			try {
				await edgefeed.session.keepGuest({ email, password });
				toast(t("settings.keepDone"));
			} catch (error) {
				if (!hasCode(error, "not_anonymous")) throw error;
				// On another device, meanwhile.
				toast(t("settings.keepAlready"));
			}
			setGuest(false);
		},
		(error) => {
			if (hasCode(error, "email_taken")) by.tell({ email: t("settings.keepTaken") });
			else if (hasCode(error, "invalid_request")) by.tell({ email: t("settings.keepEmailWrong") });
			else by.tell({ form: problemText(error) });
		},
	);
	if (!me || !guest) return null;
	return (
		<section class="settings-group" aria-labelledby="keep">
			<h2 id="keep">{t("settings.keep")}</h2>
			<p>{t("settings.keepHint")}</p>
			<SettingsForm
				by={by}
				action={t("settings.keep")}
				kind="primary"
				busy={busy}
				check={() => ({
					email: email.includes("@") ? undefined : t("settings.keepEmailWrong"),
					password: password.length < PASSWORD_MIN ? t("settings.passwordShort") : undefined,
				})}
				onSubmit={keep}
			>
				<Field
					label={t("settings.keepEmail")}
					type="email"
					name="email"
					autocomplete="email"
					maxLength={254}
					value={email}
					error={by.faults.email}
					onInput={setEmail}
				/>
				<PasswordField
					label={t("settings.newPassword")}
					name="password"
					fresh
					value={password}
					error={by.faults.password}
					onInput={setPassword}
				/>
			</SettingsForm>
		</section>
	);
}

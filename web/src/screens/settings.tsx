import "../style/people.css";
import "../style/settings.css";
import type { ComponentType } from "preact";
import { useAction } from "../actions.ts";
import { surelyForgetsUnsent } from "../compose/unsent.ts";
import { useMe } from "../me.ts";
import { edgefeed } from "../session.ts";
import { About } from "../settings/about.tsx";
import { AccountSettings } from "../settings/account.tsx";
import { BlockedSettings } from "../settings/blocked.tsx";
import { surelySignsOut } from "../settings/guest.tsx";
import { LanguageSettings } from "../settings/language.tsx";
import { ProfileSettings } from "../settings/profile.tsx";
import { SessionsSettings } from "../settings/sessions.tsx";
import { type TextKey, t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Screen } from "../ui/screen.tsx";
import { NotFoundScreen } from "./not-found.tsx";

interface Section {
	icon: IconName;
	title: TextKeyOfNoBlanks;
	hint: TextKeyOfNoBlanks;
	component: ComponentType;
}

const SECTIONS: Readonly<Record<string, Section>> = {
	profile: { icon: "user", title: "settings.profile", hint: "settings.profileHint", component: ProfileSettings },
	sessions: { icon: "device", title: "settings.sessions", hint: "settings.sessionsHint", component: SessionsSettings },
	language: {
		icon: "language",
		title: "settings.languageAndLook",
		hint: "settings.languageHint",
		component: LanguageSettings,
	},
	blocked: { icon: "block", title: "settings.blocked", hint: "settings.blockedHint", component: BlockedSettings },
	account: { icon: "lock", title: "settings.account", hint: "settings.accountHint", component: AccountSettings },
};

/** Texts of settings that stand as they are. */
type TextKeyOfNoBlanks = Extract<
	TextKey,
	`settings.${"profile" | "sessions" | "languageAndLook" | "language" | "blocked" | "account"}${"" | "Hint"}`
>;

/** @param props.section what `/settings/…` names: profile, sessions, language, blocked, account */
export function SettingsScreen({ section }: { section?: string }) {
	if (section === undefined) return <Overview />;
	const found = Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : undefined;
	if (!found) return <NotFoundScreen />;
	const { title, component: Content } = found;
	return (
		<Screen key={section} title={t(title)} back="/settings">
			<Content />
		</Screen>
	);
}

function Overview() {
	const me = useMe();
	const [signOut, busy] = useAction(async () => {
		if ((await surelySignsOut(me)) && (await surelyForgetsUnsent())) await edgefeed.session.signOut();
	});
	return (
		<Screen title={t("settings.title")}>
			<nav aria-label={t("settings.sections")}>
				<ul class="settings-list">
					{Object.entries(SECTIONS).map(([name, { icon, title, hint }]) => (
						<li key={name}>
							<a class="settings-link" href={`/settings/${name}`}>
								<Icon name={icon} />
								<span class="settings-words">
									<span class="settings-name">{t(title)}</span>
									<span class="hint">{t(hint)}</span>
								</span>
								<Icon name="next" />
							</a>
						</li>
					))}
				</ul>
			</nav>
			<div class="settings-actions">
				<Button busy={busy} onClick={signOut}>
					{t("common.signOut")}
				</Button>
			</div>
			<About />
		</Screen>
	);
}

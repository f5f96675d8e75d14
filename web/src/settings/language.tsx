import { useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { chooseLanguage } from "../preferences.ts";
import { LANGUAGES, type Language, language, t } from "../texts/texts.ts";
import { APPEARANCES, type Appearance, chooseAppearance, keptAppearance } from "../theme.ts";
import { RadioGroup, Select } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";

/** What the app speaks, and whether it is light or dark. Both are of this device. */
export function LanguageSettings() {
	const [appearance, setAppearance] = useState<Appearance>(keptAppearance());
	const [choose] = useAction(async (wanted: Language) => {
		await chooseLanguage(wanted);
		toast(t("settings.languageSaved"));
	});
	const names: Record<Appearance, string> = {
		system: t("settings.system"),
		light: t("settings.light"),
		dark: t("settings.dark"),
	};
	return (
		<div class="settings-form">
			<Select
				label={t("settings.language")}
				value={language()}
				options={Object.entries(LANGUAGES).map(([value, label]) => ({ value: value as Language, label }))}
				onChange={choose}
			/>
			<RadioGroup
				label={t("settings.appearance")}
				value={appearance}
				options={APPEARANCES.map((value) => ({ value, label: names[value] }))}
				onChange={(wanted) => {
					chooseAppearance(wanted);
					setAppearance(wanted);
				}}
			/>
		</div>
	);
}

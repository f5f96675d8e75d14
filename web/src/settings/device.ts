import { t } from "../texts/texts.ts";

/** What the API calls a device ("Safari on iPhone"), in the reader's language. */
export function deviceText(device: string | null): string {
	if (device === null) return t("settings.unknownDevice");
	const [, program, system] = /^(.+) on (.+)$/.exec(device) ?? [];
	return program && system ? t("settings.deviceOn", { program, system }) : device;
}

import { keepLanguage, type Language, loadLanguage } from "./texts/texts.ts";

const listeners = new Set<() => void>();

/** Shows the app in another language, now and from now on. */
export async function chooseLanguage(wanted: Language): Promise<void> {
	await loadLanguage(wanted);
	keepLanguage(wanted);
	for (const listener of listeners) listener();
}

/** @returns what ends it */
export function onLanguageChange(listener: () => void): () => void {
	listeners.add(listener);
	return () => void listeners.delete(listener);
}

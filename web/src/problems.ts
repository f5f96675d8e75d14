import { EdgefeedError } from "@edgefeed/sdk";
import { t } from "./texts/texts.ts";

/** What to say of an error: the API's own words, which are in the reader's language, or ours when it did not answer. */
export function problemText(error: unknown): string {
	if (!(error instanceof EdgefeedError)) return t("common.wentWrong");
	if (error.code === "too_many_requests") return t("common.tooMany");
	if (error.offline) return t("common.noNetwork");
	return error.title || t("common.wentWrong");
}

/** The fields at fault, by their names. */
export function fieldProblems(error: unknown): Record<string, string> {
	if (!(error instanceof EdgefeedError)) return {};
	return Object.fromEntries((error.errors ?? []).map(({ path, message }) => [path, message]));
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
	return error instanceof EdgefeedError && codes.includes(error.code);
}

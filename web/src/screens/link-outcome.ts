import { t } from "../texts/texts.ts";

/** What has become of the link of a message, or of signing in with another service, as the address tells it. */
export function linkOutcome(query: Readonly<Record<string, string>>): { text: string; problem: boolean } | undefined {
	const { verified, error } = query;
	if (verified === "next") return { text: t("session.verifiedNext"), problem: false };
	if (verified !== undefined) return { text: t("session.verified"), problem: false };
	if (error === "link_invalid") return { text: t("session.linkInvalid"), problem: true };
	if (error === "email_taken") return { text: t("session.emailTaken"), problem: true };
	if (error === "provider_failed") return { text: t("session.providerFailed"), problem: true };
	return undefined;
}

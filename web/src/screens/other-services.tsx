import type { Provider } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useAction } from "../actions.ts";
import { hasCode } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Door, FormProblem, signInAddress } from "./door.tsx";

/** Where one wanted to go, in this tab, while another service is asked. */
const NEXT = "next";

/** A button for each service that this one is set up with; none where that is not known. */
export function OtherServices() {
	const { url } = useLocation();
	const [providers, setProviders] = useState<readonly Provider[]>([]);
	useEffect(() => {
		edgefeed.providers.list().then(setProviders, () => undefined);
	}, []);
	const [go, busy] = useAction(async ({ id }: Provider) => {
		const address = await edgefeed.providers.begin(id, { redirectTo: `${location.origin}/sign-in` });
		sessionStorage.setItem(NEXT, signInAddress(url));
		location.assign(address);
	});
	return (
		<>
			{providers.map((provider) => (
				<Button key={provider.id} wide busy={busy} onClick={() => go(provider)}>
					{t("session.continueWith", { service: provider.name })}
				</Button>
			))}
		</>
	);
}

/** Back from another service, with the code that it was about. */
export function ComingBack({ code, onAgain }: { code: string; onAgain: () => void }) {
	const { route } = useLocation();
	const [error, setError] = useState<unknown>();
	useEffect(() => {
		// The code is good once: a page that is loaded again must not have it.
		route(sessionStorage.getItem(NEXT) ?? "/sign-in", true);
		sessionStorage.removeItem(NEXT);
		edgefeed.providers.finish(code).catch(setError);
	}, [code]);
	return (
		<Door title={t("session.signInTitle")}>
			{error === undefined && <p role="status">{t("common.loading")}</p>}
			<FormProblem error={hasCode(error, "code_invalid", "not_begun") ? t("session.providerFailed") : error} />
			{error !== undefined && (
				<Button kind="primary" wide onClick={onAgain}>
					{t("session.startOver")}
				</Button>
			)}
		</Door>
	);
}

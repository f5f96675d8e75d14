import type { Provider } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";

const HERE = "/settings/sessions";

/** Other services' accounts that sign in to this one. Nothing is shown where none is set up. */
export function ServiceSettings({ linked, onChange }: { linked: readonly string[]; onChange: () => void }) {
	const { query, route } = useLocation();
	const [providers, setProviders] = useState<readonly Provider[]>([]);
	useEffect(() => {
		edgefeed.providers.list().then(setProviders, () => undefined);
	}, []);

	const [finish] = useAction(
		async (code: string) => {
			await edgefeed.providers.finish(code);
			toast(t("settings.serviceConnected"));
			onChange();
		},
		(error) => {
			const failed = hasCode(error, "code_invalid", "not_begun");
			toast(failed ? t("session.providerFailed") : problemText(error), { kind: "problem" });
		},
	);
	useEffect(() => {
		const { code } = query;
		if (code === undefined) return;
		// It is good once: a page that is loaded again must not have it.
		route(HERE, true);
		void finish(code);
	}, [query.code]);
	const [go, busy] = useAction(async ({ id }: Provider) => {
		location.assign(await edgefeed.providers.begin(id, { redirectTo: location.origin + HERE, link: true }));
	});
	const [disconnect, ending] = useAction(async ({ id }: Provider) => {
		await edgefeed.providers.disconnect(id);
		toast(t("settings.serviceDisconnected"));
		onChange();
	});

	if (providers.length === 0) return null;
	return (
		<section class="settings-group" aria-labelledby="services">
			<h2 id="services">{t("settings.services")}</h2>
			<p>{t("settings.servicesHint")}</p>
			<ul class="devices">
				{providers.map((provider) => (
					<li key={provider.id} class="device">
						<Icon name="link" />
						<span class="settings-words">
							<span class="settings-name">
								{provider.name}
								{linked.includes(provider.id) && <span class="chip">{t("settings.serviceIsConnected")}</span>}
							</span>
						</span>
						{linked.includes(provider.id) ? (
							<Button
								small
								busy={ending}
								aria-label={t("settings.serviceDisconnectFrom", { service: provider.name })}
								onClick={() => disconnect(provider)}
							>
								{t("settings.serviceDisconnect")}
							</Button>
						) : (
							<Button
								small
								busy={busy}
								aria-label={t("settings.serviceConnectTo", { service: provider.name })}
								onClick={() => go(provider)}
							>
								{t("settings.serviceConnect")}
							</Button>
						)}
					</li>
				))}
			</ul>
		</section>
	);
}

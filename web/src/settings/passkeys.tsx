import type { Passkey } from "@edgefeed/sdk";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { ErrorState, Skeleton } from "../ui/states.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

/** Keys that sign in without a password. Nothing is shown where the browser has none. */
export function PasskeySettings() {
	const heading = useRef<HTMLHeadingElement>(null);
	const [passkeys, setPasskeys] = useState<readonly Passkey[] | null>(null);
	const [error, setError] = useState<unknown>();
	const [refused, setRefused] = useState<string>();
	const read = useCallback(() => {
		setError(undefined);
		edgefeed.passkeys.list().then(setPasskeys, setError);
	}, []);
	useEffect(read, []);

	const [add, adding] = useAction(
		async () => {
			setRefused(undefined);
			const made = await edgefeed.passkeys.add();
			setPasskeys((now) => [...(now ?? []), made]);
			toast(t("settings.passkeyAdded"));
		},
		(fault) => {
			if (hasCode(fault, "cancelled")) return;
			setRefused(hasCode(fault, "session_invalid") ? t("settings.passkeyTooLate") : problemText(fault));
		},
	);
	const [remove, removing] = useAction(async ({ id }: Passkey) => {
		await edgefeed.passkeys.delete(id);
		setPasskeys((now) => now?.filter((passkey) => passkey.id !== id) ?? null);
		toast(t("settings.passkeyDeleted"));
		heading.current?.focus();
	});

	if (!("PublicKeyCredential" in globalThis)) return null;
	return (
		<section class="settings-group" aria-labelledby="passkeys">
			<h2 id="passkeys" ref={heading} tabIndex={-1}>
				{t("settings.passkeys")}
			</h2>
			<p>{t("settings.passkeysHint")}</p>
			{!passkeys && error === undefined && <Skeleton rows={1} />}
			{!passkeys && error !== undefined && <ErrorState title={t("settings.failed")} error={error} onRetry={read} />}
			{passkeys?.length === 0 && <p class="hint">{t("settings.passkeyNone")}</p>}
			{passkeys && passkeys.length > 0 && (
				<ul class="devices">
					{passkeys.map((passkey) => (
						<li key={passkey.id} class="device">
							<Icon name="key" />
							<span class="settings-words">
								<span class="settings-name">{nameOf(passkey)}</span>
								<span class="hint">{tWith("settings.passkeyMade", { time: <Time at={passkey.createdAt} /> })}</span>
							</span>
							<Button
								small
								busy={removing}
								aria-label={t("settings.passkeyDeleteOf", { name: nameOf(passkey) })}
								onClick={() => remove(passkey)}
							>
								{t("settings.passkeyDelete")}
							</Button>
						</li>
					))}
				</ul>
			)}
			{refused && (
				<p class="field-error" role="alert">
					{refused}
				</p>
			)}
			<Button busy={adding} onClick={add}>
				{t("settings.passkeyAdd")}
			</Button>
		</section>
	);
}

function nameOf({ name }: Passkey): string {
	return name ?? t("settings.passkeyUnnamed");
}

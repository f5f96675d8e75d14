import type { SignIn } from "@edgefeed/sdk";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { ErrorState, Skeleton } from "../ui/states.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";
import { deviceText } from "./device.ts";
import { EmailSettings } from "./email.tsx";
import { PasskeySettings } from "./passkeys.tsx";
import { PasswordSettings } from "./password.tsx";
import { ServiceSettings } from "./services.tsx";
import { TwoFactorSettings } from "./two-factor.tsx";
import { useWaysIn } from "./ways-in.ts";

/** Where one is signed in, and by what. */
export function SessionsSettings() {
	const { ways, look } = useWaysIn();
	return (
		<>
			<Devices />
			<EmailSettings ways={ways} />
			<PasswordSettings ways={ways} />
			<PasskeySettings />
			<ServiceSettings linked={ways?.providers ?? []} onChange={look} />
			<TwoFactorSettings on={ways?.twoFactor} onChange={look} />
		</>
	);
}

function Devices() {
	const heading = useRef<HTMLHeadingElement>(null);
	const [sessions, setSessions] = useState<readonly SignIn[] | null>(null);
	const [error, setError] = useState<unknown>();
	const read = useCallback(() => {
		setError(undefined);
		edgefeed.sessions.list().then(setSessions, setError);
	}, []);
	useEffect(read, []);

	const keep = (rest: (session: SignIn) => boolean) => {
		setSessions((now) => now?.filter(rest) ?? null);
		heading.current?.focus();
	};
	const [end, ending] = useAction(async ({ id }: SignIn) => {
		await edgefeed.sessions.end(id);
		toast(t("settings.sessionEnded"));
		keep((session) => session.id !== id);
	});
	const [endOthers, endingOthers] = useAction(async () => {
		await edgefeed.sessions.endOthers();
		toast(t("settings.othersEnded"));
		keep((session) => session.current);
	});

	return (
		<section class="settings-group" aria-labelledby="devices">
			<h2 id="devices" ref={heading} tabIndex={-1}>
				{t("settings.devices")}
			</h2>
			{!sessions && error === undefined && <Skeleton rows={2} />}
			{!sessions && error !== undefined && <ErrorState title={t("settings.failed")} error={error} onRetry={read} />}
			{sessions && (
				<ul class="devices">
					{sessions.map((session) => (
						<li key={session.id} class="device">
							<Icon name="device" />
							<span class="settings-words">
								<span class="settings-name">
									{deviceText(session.device)}
									{session.current && <span class="chip">{t("settings.thisDevice")}</span>}
								</span>
								<span class="hint">{tWith("settings.lastUsed", { time: <Time at={session.lastSeenAt} /> })}</span>
								<span class="hint">{tWith("settings.signedInAt", { time: <Time at={session.createdAt} /> })}</span>
							</span>
							{!session.current && (
								<Button
									small
									busy={ending}
									aria-label={t("settings.endSession", { device: deviceText(session.device) })}
									onClick={() => end(session)}
								>
									{t("settings.endSessionShort")}
								</Button>
							)}
						</li>
					))}
				</ul>
			)}
			{sessions?.some(({ current }) => !current) && (
				<Button busy={endingOthers} onClick={endOthers}>
					{t("settings.endOthers")}
				</Button>
			)}
			{sessions?.every(({ current }) => current) && <p class="hint">{t("settings.noOthers")}</p>}
		</section>
	);
}

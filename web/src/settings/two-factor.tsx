import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { confirm } from "../ui/dialog.tsx";
import { Field, PasswordField } from "../ui/field.tsx";
import { toast } from "../ui/toast.tsx";
import { QrCode } from "./qr-code.tsx";

type Step =
	| { at: "closed" }
	| { at: "begun"; uri: string; codes: readonly string[] }
	/** `codes` are shown once, after they were made. */
	| { at: "on"; codes: readonly string[] };

/** A code of an authenticator app besides the password. Where it is not known whether it is on, it turns out when it is opened. */
export function TwoFactorSettings({ on, onChange }: { on: boolean | undefined; onChange: () => void }) {
	const heading = useRef<HTMLHeadingElement>(null);
	const [step, setStep] = useState<Step>({ at: "closed" });
	const [password, setPassword] = useState("");
	const [error, setError] = useState<string>();
	const go = (next: Step) => {
		setError(undefined);
		setStep(next);
		if (next.at === "closed") setPassword("");
		heading.current?.focus();
	};
	const fail = (fault: unknown) =>
		setError(hasCode(fault, "invalid_credentials") ? t("settings.passwordWrong") : problemText(fault));

	const [open, opening] = useAction(async () => {
		try {
			const { totpURI, backupCodes } = await edgefeed.twoFactor.enable(password);
			go({ at: "begun", uri: totpURI, codes: backupCodes });
		} catch (fault) {
			if (!hasCode(fault, "two_factor_enabled")) throw fault;
			go({ at: "on", codes: [] });
		}
	}, fail);
	const [renew, renewing] = useAction(async () => {
		const codes = await edgefeed.twoFactor.newBackupCodes(password);
		toast(t("settings.backupCodesMade"));
		go({ at: "on", codes });
	}, fail);
	const [turnOff, turningOff] = useAction(async () => {
		const sure = await confirm({
			title: t("settings.twoFactorOffTitle"),
			body: t("settings.twoFactorOffBody"),
			action: t("settings.twoFactorTurnOff"),
			danger: true,
		});
		if (!sure) return;
		await edgefeed.twoFactor.disable(password);
		onChange();
		toast(t("settings.twoFactorOff"));
		go({ at: "closed" });
	}, fail);

	return (
		<section class="settings-group" aria-labelledby="two-factor">
			<h2 id="two-factor" ref={heading} tabIndex={-1}>
				{t("settings.twoFactor")}
			</h2>
			{step.at === "closed" && (
				<form
					class="settings-form"
					noValidate
					onSubmit={(event) => {
						event.preventDefault();
						if (password === "") setError(t("settings.passwordMissing"));
						else void open();
					}}
				>
					<p>{t(on ? "settings.twoFactorHintOn" : "settings.twoFactorHint")}</p>
					<PasswordField label={t("settings.twoFactorPassword")} value={password} error={error} onInput={setPassword} />
					<Button type="submit" busy={opening}>
						{t("settings.twoFactorOpen")}
					</Button>
				</form>
			)}
			{step.at === "begun" && (
				<Begin
					uri={step.uri}
					onOn={() => {
						onChange();
						toast(t("settings.twoFactorOn"));
						go({ at: "on", codes: step.codes });
					}}
					onCancel={() => go({ at: "closed" })}
				/>
			)}
			{step.at === "on" && (
				<>
					<p>{t("settings.twoFactorIsOn")}</p>
					{step.codes.length > 0 && <BackupCodes codes={step.codes} />}
					{error && (
						<p class="field-error" role="alert">
							{error}
						</p>
					)}
					<div class="settings-actions">
						<Button busy={renewing} onClick={renew}>
							{t("settings.backupCodesNew")}
						</Button>
						<Button kind="danger" busy={turningOff} onClick={turnOff}>
							{t("settings.twoFactorTurnOff")}
						</Button>
						<Button kind="quiet" onClick={() => go({ at: "closed" })}>
							{t("common.done")}
						</Button>
					</div>
				</>
			)}
		</section>
	);
}

function Begin({ uri, onOn, onCancel }: { uri: string; onOn: () => void; onCancel: () => void }) {
	const [code, setCode] = useState("");
	const [error, setError] = useState<string>();
	const key = new URL(uri).searchParams.get("secret") ?? "";
	const [turnOn, busy] = useAction(
		async () => {
			await edgefeed.twoFactor.confirm(code);
			onOn();
		},
		(fault) => setError(hasCode(fault, "code_invalid") ? t("settings.twoFactorCodeWrong") : problemText(fault)),
	);
	return (
		<form
			class="settings-form"
			noValidate
			onSubmit={(event) => {
				event.preventDefault();
				if (/^\d{6}$/.test(code)) void turnOn();
				else setError(t("settings.twoFactorCodeWrong"));
			}}
		>
			<p>{t("settings.twoFactorScan")}</p>
			<QrCode text={uri} label={t("settings.twoFactorQr")} />
			<p>
				{t("settings.twoFactorKey")}: <code class="key">{spaced(key)}</code>
			</p>
			<div class="settings-actions">
				<CopyButton text={key} label={t("settings.copyKey")} />
				<a class="button button-quiet" href={uri}>
					{t("settings.twoFactorLink")}
				</a>
			</div>
			<Field
				label={t("settings.twoFactorCode")}
				inputMode="numeric"
				autocomplete="one-time-code"
				maxLength={6}
				value={code}
				error={error}
				onInput={(value) => setCode(value.replace(/\D/g, ""))}
			/>
			<div class="settings-actions">
				<Button type="submit" kind="primary" busy={busy}>
					{t("settings.twoFactorTurnOn")}
				</Button>
				<Button onClick={onCancel}>{t("common.cancel")}</Button>
			</div>
		</form>
	);
}

function BackupCodes({ codes }: { codes: readonly string[] }) {
	const box = useRef<HTMLHeadingElement>(null);
	useEffect(() => box.current?.focus(), [codes]);
	return (
		<div class="backup-codes">
			<h3 ref={box} tabIndex={-1}>
				{t("settings.backupCodes")}
			</h3>
			<p>{t("settings.backupCodesHint")}</p>
			<ul>
				{codes.map((code) => (
					<li key={code}>
						<code>{code}</code>
					</li>
				))}
			</ul>
			<CopyButton text={codes.join("\n")} label={t("settings.copyCodes")} />
		</div>
	);
}

function CopyButton({ text, label }: { text: string; label: string }) {
	const [copy, busy] = useAction(async () => {
		await navigator.clipboard.writeText(text);
		toast(t("common.copied"));
	});
	return (
		<Button small busy={busy} onClick={copy}>
			{label}
		</Button>
	);
}

/** In groups of four, as it is typed most easily. */
function spaced(key: string): string {
	return key.replace(/(.{4})(?=.)/g, "$1 ");
}

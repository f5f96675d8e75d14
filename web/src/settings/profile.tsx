import type { Account, ProfileChange } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { loadMe, setMe, useMe } from "../me.ts";
import { hasCode, problemText } from "../problems.ts";
import { USERNAME } from "../rules.ts";
import { edgefeed, useAccountId } from "../session.ts";
import { type TextKey, t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Field, Select, TextArea } from "../ui/field.tsx";
import { Skeleton } from "../ui/states.tsx";
import { toast } from "../ui/toast.tsx";
import { PictureSettings } from "./picture.tsx";

const BIO = 500;
const NAME = 80;

type Region = NonNullable<Account["region"]>;
const REGIONS = {
	apac: "settings.regionApac",
	oc: "settings.regionOc",
	wnam: "settings.regionWnam",
	enam: "settings.regionEnam",
	sam: "settings.regionSam",
	weur: "settings.regionWeur",
	eeur: "settings.regionEeur",
	me: "settings.regionMe",
	afr: "settings.regionAfr",
} as const satisfies Record<Region, TextKey>;

/** How one shows oneself to others. */
export function ProfileSettings() {
	const me = useMe();
	const accountId = useAccountId();
	useEffect(() => void loadMe(accountId), [accountId]);
	if (!me) return <Skeleton rows={2} />;
	return (
		<>
			<PictureSettings me={me} />
			<ProfileForm key={me.id} me={me} />
		</>
	);
}

function ProfileForm({ me }: { me: Account }) {
	const [name, setName] = useState(me.displayName);
	const [username, setUsername] = useState(me.username);
	const [bio, setBio] = useState(me.bio);
	const [region, setRegion] = useState<Region>(me.region ?? "apac");
	const [faults, setFaults] = useState<{ name?: string | undefined; username?: string | undefined }>({});
	const [error, setError] = useState<string>();
	const [save, busy] = useAction(
		async () => {
			setError(undefined);
			const renamed = username.trim() === me.username ? {} : { username: username.trim() };
			const change: ProfileChange = { ...renamed, displayName: name.trim(), bio: bio.trim(), region };
			setMe(await edgefeed.accounts.update(change));
			toast(t("settings.profileSaved"));
		},
		(fault) => {
			if (hasCode(fault, "username_taken")) setFaults({ username: problemText(fault) });
			else setError(problemText(fault));
		},
	);
	const left = BIO - bio.length;
	return (
		<form
			class="settings-form"
			noValidate
			onSubmit={(event) => {
				event.preventDefault();
				const found = {
					...(name.trim() === "" ? { name: t("settings.nameMissing") } : {}),
					...(USERNAME.test(username.trim()) ? {} : { username: t("session.usernameWrong") }),
				};
				setFaults(found);
				const first = Object.keys(found)[0];
				if (first === undefined) void save();
				else event.currentTarget.querySelector<HTMLElement>(`[name=${first}]`)?.focus();
			}}
		>
			<Field
				label={t("settings.name")}
				name="name"
				value={name}
				maxLength={NAME}
				autocomplete="name"
				required
				error={faults.name}
				onInput={(value) => {
					setName(value);
					setFaults({});
				}}
			/>
			<Field
				label={t("session.username")}
				name="username"
				value={username}
				maxLength={30}
				autocomplete="username"
				autocapitalize="none"
				spellcheck={false}
				required
				hint={t("settings.usernameHint")}
				error={faults.username}
				onInput={(value) => {
					setUsername(value);
					setFaults({});
				}}
			/>
			<TextArea
				label={t("settings.bio")}
				value={bio}
				maxLength={BIO}
				rows={4}
				dir="auto"
				hint={t("settings.bioHint", { count: left })}
				onInput={setBio}
			/>
			<Select
				label={t("settings.region")}
				value={region}
				hint={t("settings.regionHint")}
				options={(Object.keys(REGIONS) as Region[]).map((value) => ({ value, label: t(REGIONS[value]) }))}
				onChange={setRegion}
			/>
			{error && (
				<p class="field-error" role="alert">
					{error}
				</p>
			)}
			<Button type="submit" kind="primary" busy={busy}>
				{t("common.save")}
			</Button>
		</form>
	);
}

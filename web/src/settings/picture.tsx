import type { Account } from "@edgefeed/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../actions.ts";
import { setMe } from "../me.ts";
import { hasCode, problemText } from "../problems.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Avatar } from "../ui/avatar.tsx";
import { Button } from "../ui/button.tsx";
import { toast } from "../ui/toast.tsx";

/** What the API takes (docs/media.md). */
const KINDS = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/** What an upload fails with when it is the file's fault. */
const UNUSABLE = ["type_mismatch", "unreadable", "too_many_pixels", "incomplete", "not_processed"];

/** The picture beside one's name: chosen, uploaded and shown, or taken away. */
export function PictureSettings({ me }: { me: Account }) {
	const input = useRef<HTMLInputElement>(null);
	const box = useRef<HTMLElement>(null);
	const upload = useRef<AbortController>(undefined);
	const [progress, setProgress] = useState("");
	const [error, setError] = useState<string>();
	useEffect(() => () => upload.current?.abort(), []);

	const fail = (fault: unknown) => {
		setProgress("");
		if (upload.current?.signal.aborted) return;
		setError(hasCode(fault, ...UNUSABLE) ? t("settings.pictureFailed") : problemText(fault));
	};
	const [choose, choosing] = useAction(async (file: File) => {
		setError(undefined);
		if (!KINDS.includes(file.type)) return setError(t("settings.pictureKind"));
		const running = new AbortController();
		upload.current = running;
		setProgress(t("settings.pictureUploading", { percent: 0 }));
		const { id } = await edgefeed.media.upload(file, {
			purpose: "avatar",
			signal: running.signal,
			onProgress: ({ loaded, total }) =>
				setProgress(
					loaded < total
						? t("settings.pictureUploading", { percent: Math.floor((100 * loaded) / total) })
						: t("settings.pictureProcessing"),
				),
		});
		setMe(await edgefeed.accounts.update({ avatar: id }));
		setProgress("");
		toast(t("settings.pictureSaved"));
	}, fail);
	const [remove, removing] = useAction(async () => {
		setError(undefined);
		setMe(await edgefeed.accounts.update({ avatar: null }));
		toast(t("settings.pictureRemoved"));
		box.current?.querySelector<HTMLElement>("button")?.focus();
	}, fail);

	return (
		<section class="picture" aria-label={t("settings.picture")} ref={box}>
			<Avatar person={me} size="large" />
			<div class="picture-acts">
				<input
					ref={input}
					type="file"
					accept={KINDS.join()}
					hidden
					onChange={(event) => {
						const [file] = event.currentTarget.files ?? [];
						// The same file can be chosen again.
						event.currentTarget.value = "";
						if (file) void choose(file);
					}}
				/>
				<Button icon="photo" busy={choosing} onClick={() => input.current?.click()}>
					{t("settings.choosePicture")}
				</Button>
				{me.avatarUrl && (
					<Button kind="quiet" busy={removing} onClick={remove}>
						{t("settings.removePicture")}
					</Button>
				)}
				<p class="hint" role="status">
					{progress}
				</p>
				{error && (
					<p class="field-error" role="alert">
						{error}
					</p>
				)}
			</div>
		</section>
	);
}

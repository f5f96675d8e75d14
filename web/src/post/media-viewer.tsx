import type { Media } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { IconButton } from "../ui/button.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { Photo } from "./photo.tsx";

/** Photos as large as the screen, one at a time; the arrow keys go on. */
export function MediaViewer({
	photos,
	start,
	onClose,
}: {
	photos: readonly Media[];
	start: number;
	onClose: () => void;
}) {
	const [at, setAt] = useState(start);
	const go = (step: number) => setAt((now) => Math.min(photos.length - 1, Math.max(0, now + step)));
	useEffect(() => {
		const onKeyDown = ({ key }: KeyboardEvent) => {
			if (key === "ArrowLeft") go(-1);
			else if (key === "ArrowRight") go(1);
		};
		// Wherever in the dialog the focus is.
		addEventListener("keydown", onKeyDown);
		return () => removeEventListener("keydown", onKeyDown);
	}, [photos.length]);
	const photo = photos[at];
	if (!photo) return null;
	return (
		<Dialog title={t("post.viewer")} onClose={onClose} wide>
			<div class="viewer">
				<div class="viewer-photo" key={photo.id}>
					<Photo media={photo} sizes="100vw" />
				</div>
				{photo.alt && (
					<p class="viewer-alt" dir="auto">
						{photo.alt}
					</p>
				)}
				{photos.length > 1 && (
					<div class="viewer-buttons">
						<IconButton icon="previous" label={t("post.previous")} disabled={at === 0} onClick={() => go(-1)} />
						<span aria-live="polite">
							{at + 1} / {photos.length}
						</span>
						<IconButton icon="next" label={t("post.next")} disabled={at === photos.length - 1} onClick={() => go(1)} />
					</div>
				)}
			</div>
		</Dialog>
	);
}

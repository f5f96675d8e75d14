import type { Media } from "@edgefeed/sdk";
import { useRef, useState } from "preact/hooks";
import { apiAddress } from "../api-base.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";
import type { MediaViewer } from "./media-viewer.tsx";
import { Photo } from "./photo.tsx";

/**
 * The media of a post with addresses that are good: they are so for some hours, and a post may have been kept on this
 * device for longer. `renew` is called when one has failed, and asks once.
 */
function useGoodAddresses(postId: string, given: readonly Media[]): [media: readonly Media[], renew: () => void] {
	const [renewed, setRenewed] = useState<{ given: readonly Media[]; media: readonly Media[] }>();
	const asked = useRef<readonly Media[] | undefined>(undefined);
	const renew = () => {
		if (asked.current === given || !navigator.onLine) return;
		asked.current = given;
		edgefeed.posts.get(postId).then(
			({ media }) => setRenewed({ given, media }),
			() => undefined,
		);
	};
	return [renewed?.given === given ? renewed.media : given, renew];
}

/** Photos and videos of a post. The room of each is known before it is there, so that nothing jumps. */
export function MediaGrid({ postId, media: given }: { postId: string; media: readonly Media[] }) {
	const [media, renew] = useGoodAddresses(postId, given);
	const [open, setOpen] = useState<{ at: number; Viewer: typeof MediaViewer }>();
	const photos = media.filter(({ kind }) => kind === "photo");
	// The viewer's code comes with the first photo that is opened.
	const view = async (at: number) => {
		const viewer = await import("./media-viewer.tsx").catch(() => undefined);
		if (viewer) setOpen({ at, Viewer: viewer.MediaViewer });
	};
	return (
		<div key={media === given ? "given" : "renewed"} class={`media media-${Math.min(media.length, 5)}`}>
			{media.map((each) =>
				each.kind === "video" ? (
					<Video key={each.id} media={each} onBroken={renew} />
				) : (
					<button
						key={each.id}
						type="button"
						class="media-cell"
						aria-label={
							each.alt
								? t("post.openPhotoNamed", { alt: each.alt })
								: t("post.openPhoto", { number: photos.indexOf(each) + 1, count: photos.length })
						}
						onClick={() => void view(photos.indexOf(each))}
					>
						<Photo
							media={each}
							onBroken={renew}
							sizes={media.length > 1 ? "(min-width: 700px) 300px, 50vw" : "(min-width: 700px) 600px, 100vw"}
						/>
					</button>
				),
			)}
			{open && <open.Viewer photos={photos} start={open.at} onClose={() => setOpen(undefined)} />}
		</div>
	);
}

function Video({ media, onBroken }: { media: Media; onBroken: () => void }) {
	return (
		// biome-ignore lint/a11y/useMediaCaption: people who post videos of themselves have no captions to give.
		<video
			class="media-cell"
			src={apiAddress(media.url)}
			poster={media.poster ? apiAddress(media.poster) : undefined}
			width={media.width}
			height={media.height}
			aria-label={media.alt ?? t("post.video")}
			onError={onBroken}
			controls
			playsInline
			preload={media.poster ? "none" : "metadata"}
		/>
	);
}

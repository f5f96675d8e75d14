import type { Media } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { apiAddress } from "../api-base.ts";
import { t } from "../texts/texts.ts";
import { Placeholder } from "./placeholder.tsx";

/** A photo in the size that its place wants. */
export function Photo({
	media,
	sizes,
	onBroken,
}: {
	media: Media;
	sizes: string;
	onBroken?: (() => void) | undefined;
}) {
	const [loaded, setLoaded] = useState(false);
	return (
		<>
			{!loaded && media.blurhash && <Placeholder hash={media.blurhash} />}
			<img
				src={apiAddress(media.url)}
				srcset={media.variants.map(({ url, width }) => `${apiAddress(url)} ${width}w`).join(", ") || undefined}
				sizes={sizes}
				width={media.width}
				height={media.height}
				alt={media.alt ?? t("post.photo")}
				loading="lazy"
				decoding="async"
				onLoad={() => setLoaded(true)}
				onError={onBroken}
			/>
		</>
	);
}

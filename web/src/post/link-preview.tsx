import type { Preview } from "@edgefeed/sdk";
import { useState } from "preact/hooks";
import { apiAddress } from "../api-base.ts";
import { Icon } from "../ui/icon.tsx";

/** Where a post's link leads: a card when that is known, else the address. */
export function LinkPreview({ link, preview }: { link: string; preview: Preview | null | undefined }) {
	const [broken, setBroken] = useState(false);
	const address = URL.parse(link);
	// The API takes no others; this is the last place where one would do harm.
	if (!address || (address.protocol !== "https:" && address.protocol !== "http:")) return null;
	const host = address.hostname.replace(/^www\./, "");
	const image = broken ? null : preview?.image;
	return (
		<a class="link-card" href={address.href} target="_blank" rel="noopener noreferrer nofollow">
			{image && (
				<img
					src={apiAddress(image.url)}
					width={image.width}
					height={image.height}
					alt=""
					loading="lazy"
					decoding="async"
					onError={() => setBroken(true)}
				/>
			)}
			<span class="link-card-words">
				<span class="link-card-site">
					<Icon name="link" />
					{preview?.siteName ?? host}
				</span>
				<span class="link-card-title" dir="auto">
					{preview?.title ?? address.href}
				</span>
				{preview?.description && (
					<span class="link-card-description" dir="auto">
						{preview.description}
					</span>
				)}
			</span>
		</a>
	);
}

import type { Audience } from "@edgefeed/sdk";
import { type TextKey, t } from "../texts/texts.ts";
import { Icon, type IconName } from "../ui/icon.tsx";

const AUDIENCES = {
	public: { icon: "globe", text: "post.audiencePublic" },
	followers: { icon: "followers", text: "post.audienceFollowers" },
	friends: { icon: "friends", text: "post.audienceFriends" },
	me: { icon: "lock", text: "post.audienceMe" },
} as const satisfies Record<Audience, { icon: IconName; text: TextKey }>;

export function audienceText(audience: Audience): string {
	return t(AUDIENCES[audience].text);
}

/** Who can see a post: an icon with its name. */
export function AudienceMark({ audience }: { audience: Audience }) {
	const text = audienceText(audience);
	return (
		<span class="post-audience" role="img" aria-label={text} title={text}>
			<Icon name={AUDIENCES[audience].icon} />
		</span>
	);
}

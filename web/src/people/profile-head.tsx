import type { Account } from "@edgefeed/sdk";
import { shortNumber, t } from "../texts/texts.ts";
import { Avatar } from "../ui/avatar.tsx";
import { ButtonLink } from "../ui/button.tsx";
import { Text } from "../ui/text.tsx";
import { shortDate } from "../ui/time.tsx";
import { isOther } from "./acts.ts";
import { RelationButtons } from "./relation-buttons.tsx";

/** Who somebody is, and what the viewer can do about it. */
export function ProfileHead({ account, onChange }: { account: Account; onChange: (account: Account) => void }) {
	const { displayName: name, username, bio, relation } = account;
	return (
		<section class="profile-head" aria-label={t("people.profileOf", { name })}>
			<div class="profile-top">
				<Avatar person={account} size="large" />
				<div class="profile-acts">
					{isOther(account) ? (
						<RelationButtons account={account} onChange={(changed) => onChange(changed)} />
					) : (
						<ButtonLink href="/settings/profile" icon="edit">
							{t("people.editProfile")}
						</ButtonLink>
					)}
				</div>
			</div>
			<p class="profile-username">
				@{username}
				{relation?.friend && <span class="chip">{t("people.areFriends")}</span>}
				{relation?.followedBy && !relation.friend && <span class="chip">{t("people.followsYou")}</span>}
				{relation?.muting && <span class="chip">{t("people.isMuted")}</span>}
			</p>
			{relation?.requestedBy && <p class="profile-asks">{t("people.asksYou", { name })}</p>}
			{bio && <Text text={bio} class="profile-bio" />}
			<p class="hint">{t("people.since", { date: shortDate(Date.parse(account.createdAt)) })}</p>
		</section>
	);
}

/** The parts of a profile, which lead from one to the other. */
export function ProfileNavigation({ account, current }: { account: Account; current: string }) {
	const { username, postCount, friendCount, followerCount, followingCount } = account;
	const parts = [
		{ list: "posts", href: `/@${username}`, label: t("people.posts"), count: postCount },
		{ list: "friends", href: `/@${username}/friends`, label: t("people.friends"), count: friendCount },
		{ list: "followers", href: `/@${username}/followers`, label: t("people.followers"), count: followerCount },
		{ list: "following", href: `/@${username}/following`, label: t("people.following"), count: followingCount },
	];
	return (
		<nav class="tabs" aria-label={t("people.sections")}>
			{parts.map(({ list, href, label, count }) => (
				<a key={list} class="tab" href={href} aria-current={list === current ? "page" : undefined}>
					<span class="tab-count">{shortNumber(count)}</span> {label}
				</a>
			))}
		</nav>
	);
}

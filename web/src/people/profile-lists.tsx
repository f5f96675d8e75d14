import type { Account, Author, Post } from "@edgefeed/sdk";
import { useList } from "../lists.ts";
import { PostCard } from "../post/post-card.tsx";
import { edgefeed, useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { ErrorState, LoadMore, Skeleton } from "../ui/states.tsx";
import { PeopleList } from "./people-list.tsx";
import { ProfileNavigation } from "./profile-head.tsx";

const LISTS = ["friends", "followers", "following"] as const;
type PeopleOf = (typeof LISTS)[number];

const LIST_OF = {
	friends: edgefeed.friends,
	followers: edgefeed.follows.followers,
	following: edgefeed.follows.following,
} as const;

interface ProfileListsProps {
	account: Account;
	list: string | undefined;
	/** What the viewer and the account are to each other has changed. */
	onRelation: () => void;
}

/** What an account has posted, and whom it knows: one of them at a time. */
export function ProfileLists({ account, list, onRelation }: ProfileListsProps) {
	const people = LISTS.find((each) => each === list);
	return (
		<>
			<ProfileNavigation account={account} current={people ?? "posts"} />
			{people ? (
				<People key={people} account={account} list={people} />
			) : (
				<Posts account={account} onRelation={onRelation} />
			)}
		</>
	);
}

function Posts({ account, onRelation }: { account: Account; onRelation: () => void }) {
	const posts = useList<Post>(
		account.id,
		(cursor, signal) => edgefeed.posts.by.page(account.id, { ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);
	const own = useAccountId() === account.id;
	if (posts.loading) return <Skeleton />;
	if (posts.error !== undefined && posts.items.length === 0) {
		return <ErrorState title={t("people.listFailed")} error={posts.error} onRetry={posts.reload} />;
	}
	return (
		<>
			{posts.items.map((post) => (
				<PostCard
					key={post.id}
					post={post}
					onChanged={(changed) => posts.change((all) => all.map((each) => (each.id === changed.id ? changed : each)))}
					onGone={(id) => {
						// Another's post is "gone" when its author was muted or blocked from its menu.
						if (own) posts.change((all) => all.filter((each) => each.id !== id));
						else onRelation();
					}}
				/>
			))}
			{posts.items.length === 0 && !posts.hasMore && (
				<p class="people-empty">{own ? t("people.noPostsOwn") : t("people.noPosts")}</p>
			)}
			{posts.hasMore && <LoadMore onMore={posts.loadMore} loading={posts.loadingMore} error={posts.error} />}
		</>
	);
}

function People({ account, list }: { account: Account; list: PeopleOf }) {
	const people = useList<Author>(
		`${account.id} ${list}`,
		(cursor, signal) => LIST_OF[list].page(account.id, { ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);
	const label = { friends: t("people.friends"), followers: t("people.followers"), following: t("people.following") };
	const empty = {
		friends: t("people.noFriends"),
		followers: t("people.noFollowers"),
		following: t("people.noFollowing"),
	};
	return <PeopleList people={people} label={label[list]} empty={<p>{empty[list]}</p>} />;
}

/** What is loaded, and what is shown of it. */

/** Moments are ISO 8601. */
export interface Data {
	accounts: Author[];
	/** Both see what the other posts. */
	friendships: [string, string][];
	/** The first sees what the second posts for followers. */
	follows: [string, string][];
	posts: {
		id: string;
		authorId: string;
		text: string;
		audience: Audience;
		createdAt: string;
		likeCount: number;
		commentCount: number;
	}[];
	likes: { postId: string; accountId: string }[];
}
export type Audience = "public" | "followers" | "friends" | "me";
export type Tie = "self" | "friend" | "follow";

/** Which ties let one see what; nobody else's `me` comes in a feed. */
export const SEEN_BY: Readonly<Record<Audience, readonly Tie[]>> = {
	public: ["self", "friend", "follow"],
	followers: ["self", "friend", "follow"],
	friends: ["self", "friend"],
	me: ["self"],
};

export interface Author {
	id: string;
	username: string;
	displayName: string;
	avatarUrl: string | null;
}
export interface PostView {
	id: string;
	author: Author;
	parentId: null;
	text: string;
	audience: Audience;
	link: null;
	media: [];
	createdAt: string;
	editedAt: null;
	likeCount: number;
	commentCount: number;
	viewer: { liked: boolean };
}

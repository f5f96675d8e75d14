import type { components, paths } from "./schema.ts";

/** The words of the service, as its OpenAPI document says them. Moments are ISO 8601 texts in UTC. */
type Schemas = components["schemas"];

/** Who may see a post. */
export type Audience = Schemas["Audience"];

/** As much of an account as stands beside what it has made. */
export type Author = Schemas["Author"];

/** An account: `relation` is of others' accounts, `region` of one's own. */
export type Account = Schemas["Account"];

/** What you and another account are to each other, from your side. */
export type Relation = Schemas["Relation"];

/** What a call that changes a relation answers. */
export type Tie = Schemas["Tie"];

export type FriendRequest = Schemas["FriendRequest"];

/** A photo or video of a post. Addresses are paths, good for some hours: `edgefeed.resolve` makes them whole. */
export type Media = Schemas["Media"];

/** One size of a photo, or of a video's still. */
export type MediaVariant = Media["variants"][number];

/** What a post's link leads to. */
export type Preview = Schemas["LinkPreview"];

/** A post, or a comment, which is a post with a `parentId`. */
export type Post = Schemas["Post"];

/** What a post said before it was edited. */
export type PostVersion = Schemas["PostVersion"];

/** What a like answers. */
export type Like = Schemas["Like"];

/** Somebody who likes a post. */
export type Liker = Author & { likedAt: string };

/** Somebody whom you block or mute. */
export type Kept = Author & { since: string };

/** Where you are signed in. */
export type SignIn = Schemas["Session"];

/** An export of all that you have made. */
export type Export = Schemas["Export"];

/** Whether an account is there, hidden, or about to be erased. */
export type AccountLife = Schemas["AccountLife"];

/** How far you have read: `unreadCount` counts newer posts of others, as far as the newest thousand or so. */
export type Marker = Schemas["Marker"];

/** A change of your feed, as `feed.changes` and the stream tell it: `seq` is one more than that of the change before. */
export type Change = Schemas["Change"];

/** A page of your feed, newest first. */
export type FeedPage = Schemas["FeedPage"];

type Body<T> = T extends { requestBody?: { content: { "application/json": infer B } } } ? B : never;

/** `text` has 1 to 5,000 characters and may be empty when there is media; `audience` is `friends` by default. */
export type NewPost = Body<paths["/v1/posts"]["post"]>;

export type PostChange = Body<paths["/v1/posts/{id}"]["patch"]>;

/** `avatar` is the id of a photo that was uploaded with the purpose `avatar`; null takes it away. */
export type ProfileChange = Body<paths["/v1/accounts/me"]["patch"]>;

/** What is known of a link; `pending`: ask again in a second. */
export interface LinkPreview {
	status: "ready" | "pending" | "none";
	preview: Preview | null;
}

/** A passkey of your account. */
export type Passkey = Schemas["Passkey"];

/** Another service whose accounts one can sign in with. */
export type Provider = Schemas["Provider"];

/** By what your account can be signed in to. */
export type WaysIn = Schemas["WaysIn"];

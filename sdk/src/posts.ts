import { answerOf } from "./answers.ts";
import type { Core, Written } from "./core.ts";
import { EdgefeedError } from "./errors.ts";
import { mintKey } from "./keys.ts";
import { type List, listOf } from "./lists.ts";
import type { Like, Liker, NewPost, Post, PostChange, PostVersion } from "./types.ts";

export interface WriteOptions {
	/** The same key makes the same thing, for 24 hours: one is made for each call that names none. */
	idempotencyKey?: string;
	signal?: AbortSignal;
}

export interface Posts {
	/** Posts a story. When this resolves it is kept, and in your own feed. */
	create(post: NewPost, options?: WriteOptions): Promise<Post>;
	get(id: string, options?: { signal?: AbortSignal }): Promise<Post>;
	edit(id: string, change: PostChange): Promise<Post>;
	/** Deletes your post or comment, or a comment on your post. One that is gone already is deleted. */
	delete(id: string): Promise<void>;
	/** An account's posts that you may see, newest first. */
	by: List<Post, [accountId: string]>;
	/** What a post said before it was edited, latest first. */
	edits: List<PostVersion, [id: string]>;
}

export interface Comments extends List<Post, [postId: string]> {
	/** Comments on a post, or answers a comment. */
	create(postId: string, comment: { text: string }, options?: WriteOptions): Promise<Post>;
}

export interface Likes extends List<Liker, [postId: string]> {
	like(postId: string): Promise<Like>;
	unlike(postId: string): Promise<Like>;
}

export function postsOf(core: Core): Posts {
	const { api } = core;
	return {
		async create(post, { idempotencyKey = mintKey(), signal } = {}) {
			const call = api.POST("/v1/posts", {
				body: post,
				params: { header: { "idempotency-key": idempotencyKey } },
				...(signal ? { signal } : {}),
			});
			return tell(core, await call, "made");
		},
		get: (id, { signal } = {}) =>
			answerOf<Post>(api.GET("/v1/posts/{id}", { params: { path: { id } }, ...(signal ? { signal } : {}) })),
		async edit(id, change) {
			return tell(core, await api.PATCH("/v1/posts/{id}", { params: { path: { id } }, body: change }), "changed");
		},
		async delete(id) {
			try {
				const { response } = await api.DELETE("/v1/posts/{id}", { params: { path: { id } } });
				core.written.emit({ postId: id, seq: seqOf(response), kind: "deleted", post: null });
			} catch (error) {
				if (!(error instanceof EdgefeedError && error.code === "post_not_found")) throw error;
			}
		},
		by: listOf<Post, [accountId: string]>(1, ({ signal, ...query }, id) =>
			answerOf(api.GET("/v1/accounts/{id}/posts", { params: { path: { id }, query }, ...(signal ? { signal } : {}) })),
		),
		edits: listOf<PostVersion, [id: string]>(1, ({ signal, ...query }, id) =>
			answerOf(api.GET("/v1/posts/{id}/edits", { params: { path: { id }, query }, ...(signal ? { signal } : {}) })),
		),
	};
}

export function commentsOf({ api }: Core): Comments {
	return {
		...listOf<Post, [postId: string]>(1, ({ signal, ...query }, id) =>
			answerOf(api.GET("/v1/posts/{id}/comments", { params: { path: { id }, query }, ...(signal ? { signal } : {}) })),
		),
		create: (id, body, { idempotencyKey = mintKey(), signal } = {}) =>
			answerOf<Post>(
				api.POST("/v1/posts/{id}/comments", {
					params: { path: { id }, header: { "idempotency-key": idempotencyKey } },
					body,
					...(signal ? { signal } : {}),
				}),
			),
	};
}

export function likesOf(core: Core): Likes {
	const { api } = core;
	const told = ({ data, response }: { data?: Like | undefined; response: Response }, postId: string): Like => {
		const { liked, likeCount } = data as Like;
		const patch = { likeCount, viewer: { liked } };
		core.written.emit({ postId, seq: seqOf(response), kind: "changed", post: null, patch });
		return { liked, likeCount };
	};
	return {
		...listOf<Liker, [postId: string]>(1, ({ signal, ...query }, id) =>
			answerOf(api.GET("/v1/posts/{id}/likes", { params: { path: { id }, query }, ...(signal ? { signal } : {}) })),
		),
		like: async (id) => told(await api.PUT("/v1/posts/{id}/like", { params: { path: { id } } }), id),
		unlike: async (id) => told(await api.DELETE("/v1/posts/{id}/like", { params: { path: { id } } }), id),
	};
}

/** Lets the live feed know at once what the answer of a mutation says. */
function tell(core: Core, answer: { data?: unknown; response: Response }, kind: Written["kind"]): Post {
	const post = answer.data as Post;
	core.written.emit({ postId: post.id, seq: seqOf(answer.response), kind, post });
	return post;
}

function seqOf(response: Response): number | undefined {
	const header = response.headers.get("x-feed-seq");
	return header === null ? undefined : Number(header);
}

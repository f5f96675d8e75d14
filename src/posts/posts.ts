import type { z } from "@hono/zod-openapi";
import type { AccountStore } from "../accounts/store.ts";
import { Problem } from "../gateway/problem.ts";
import type { Graph } from "../graph/graph.ts";
import { LEVELS } from "../graph/rules.ts";
import type { MediaAddresses } from "../media/addresses.ts";
import { parseShown } from "../media/media.ts";
import type { MediaStore } from "../media/store.ts";
import { type Wanted, wantedBy } from "../media/ties.ts";
import type { Previews } from "../previews/previews.ts";
import { type Id, type IdMinter, logicalShardOf } from "../store/ids.ts";
import { type Doorbell, isTaken, type Job, type Task, underFreshId } from "../store/outbox.ts";
import type { Delivery } from "../timeline/changes.ts";
import type { Timelines } from "../timeline/client.ts";
import { maySee, rankOf } from "./audience.ts";
import { BLANK, type newPostSchema, type PostChange, type PostView, presentPost } from "./post.ts";
import type { NewComment, NewPost, PostRow, PostStore } from "./store.ts";

export interface PostServices {
	accounts: AccountStore;
	graph: Graph;
	posts: PostStore;
	mediaStore: MediaStore;
	mediaAddresses: MediaAddresses;
	timelines: Timelines;
	doorbell: Doorbell;
	minter: IdMinter;
	previews: Pick<Previews, "of">;
}

/** What a mutation of a post answers with: `seq` is the author's own timeline's afterwards. */
export interface Published {
	post: PostView;
	seq: number | null;
}

const TRIES = 3;

/** What can be done to posts, comments and likes, and who may do it. */
export class Posts {
	readonly #services: PostServices;

	constructor(services: PostServices) {
		this.#services = services;
	}

	/** An id for a post of the author's: it carries her shard. */
	mintFor(owner: Id): Id {
		return this.#services.minter.mint(logicalShardOf(owner));
	}

	/**
	 * Publishes a post under `id`; when that is the author's own already, a repeat of the same request got here first.
	 *
	 * @param host that the request was sent to: it is not asked for previews.
	 */
	async publish(
		author: Id,
		id: Id,
		{ text, audience, link = null, media = [] }: z.infer<typeof newPostSchema>,
		host?: string,
	): Promise<Published> {
		const { posts } = this.#services;
		const audienceRank = rankOf(audience);
		const { wanted: isUnknown, ...preview } = await this.#services.previews.of(link, host);
		const also: Job[] = [];
		const row = await this.#insert(author, id, async (postId) => {
			const post: NewPost = { id: postId, authorId: author, text, audience: audienceRank, link, ...preview };
			also.length = 0;
			if (isUnknown) also.push({ id: this.mintFor(postId), task: { kind: "preview", postId, authorId: author } });
			// The job has the post's id, so that there is one for each post.
			const job: Job = { id: postId, task: { kind: "add", postId, authorId: author, audience: audienceRank } };
			if (media.length === 0) return posts.insert(post, job, also);
			return this.#showing(author, media, postId, (wanted) => posts.insertWithMedia(post, wanted, job, also));
		});
		const [seq] = await Promise.all([
			this.#applyOwn(author, { kind: "add", postId: row.id, authorId: author, reason: "own", via: "push" }),
			this.#services.doorbell.ring([row.id, ...also.map((job) => job.id)]),
		]);
		return { post: await this.#presentOne(row), seq };
	}

	async comment(author: Id, id: Id, parentId: Id, text: string): Promise<PostView> {
		const parent = await this.visible(author, parentId);
		const row = await this.#insert(author, id, async (commentId) => {
			const comment: NewComment = {
				id: commentId,
				authorId: author,
				parentId,
				rootId: parent.rootId ?? parent.id,
				text,
				audience: parent.audience,
			};
			return this.#services.posts.insertComment(comment);
		});
		return this.#presentOne(row);
	}

	/**
	 * A post or comment that the viewer may see; a comment is seen by who sees the post it hangs on.
	 *
	 * @throws Problem `post_not_found`, also for one that she may not see
	 */
	async visible(viewer: Id, id: Id): Promise<PostRow> {
		const { accounts, posts, graph } = this.#services;
		const row = (await posts.byIds([id], viewer)).get(id);
		const root = row?.rootId ? (await posts.byIds([row.rootId], viewer)).get(row.rootId) : row;
		if (!row || !root) throw new Problem("post_not_found");
		const [sights, author] = await Promise.all([
			graph.sights(viewer, [row.authorId, root.authorId]),
			// The store has left out posts of who is hidden; the author of a comment is on another shard.
			row.rootId ? accounts.byId(row.authorId) : true,
		]);
		if (!author) throw new Problem("post_not_found");
		const level = sights.get(root.authorId)?.level ?? LEVELS.none;
		const blocked = sights.get(row.authorId)?.level === LEVELS.blocked;
		if (blocked || !maySee(root.audience, level)) throw new Problem("post_not_found");
		return root.id === row.id ? row : { ...row, audience: root.audience };
	}

	async show(viewer: Id, id: Id): Promise<PostView> {
		return this.#presentOne(await this.visible(viewer, id));
	}

	/**
	 * Edits the viewer's own post; a new audience is brought to whoever is in it now.
	 *
	 * @param host that the request was sent to.
	 */
	async edit(viewer: Id, id: Id, { text, audience, link, media }: PostChange, host?: string): Promise<PostView> {
		const { posts } = this.#services;
		const row = await this.#own(viewer, id);
		const beyond = Object.entries({ audience, link, media }).find(([, value]) => value !== undefined);
		if (row.parentId && beyond) {
			const [path] = beyond;
			throw new Problem("invalid_request", undefined, [{ path, message: "a comment has only a text" }]);
		}
		const shows = media ?? parseShown(row.media);
		if ((text ?? row.text).trim() === "" && shows.length === 0)
			throw new Problem("invalid_request", undefined, [BLANK]);
		const isNewLink = link !== undefined && link !== row.link;
		const { wanted: isUnknown, ...preview } = await this.#services.previews.of(isNewLink ? link : null, host);
		const change = {
			...(text === undefined ? {} : { text }),
			...(audience === undefined ? {} : { audience: rankOf(audience) }),
			...(link === undefined ? {} : { link }),
			...(isNewLink ? preview : {}),
		};
		if (Object.keys(change).length > 0 || media !== undefined) {
			// Who has it hears of the edit, also when it was hidden from her before; who is in the audience only now gets it.
			const task = { postId: id, authorId: viewer };
			const { audience: now = row.audience } = change;
			const tasks: Task[] = row.parentId ? [] : [{ kind: "edit", ...task, audience: Math.min(row.audience, now) }];
			if (now < row.audience && !row.parentId) tasks.push({ kind: "add", ...task, audience: now });
			if (isUnknown) tasks.push({ kind: "preview", ...task });
			await this.#promised(id, tasks, async (jobs) => {
				if (media === undefined) return posts.update(id, change, jobs);
				await this.#showing(viewer, media, id, (wanted) => posts.updateWithMedia(id, change, wanted, jobs));
			});
			if (!row.parentId) await this.#applyOwn(viewer, { kind: "edit", postId: id });
		}
		return this.show(viewer, id);
	}

	/**
	 * The viewer has done something to a post that its readers see, she in her feed at once.
	 *
	 * @returns her timeline's `seq`, if it could be told.
	 */
	touched(viewer: Id, postId: Id): Promise<number | null> {
		return this.#services.timelines.tell(viewer, (timeline) => timeline.apply([{ kind: "edit", postId }]));
	}

	/** The viewer likes a post, or does not any more, in the order of `at`; answers like {@link touched}. */
	liked(viewer: Id, postId: Id, liked: boolean, at: number): Promise<number | null> {
		return this.#services.timelines.tell(viewer, (timeline) => timeline.like(postId, liked, at));
	}

	/** Deletes the viewer's own post or comment, or a comment on her post. @returns her timeline's `seq`, when it changed. */
	async remove(viewer: Id, id: Id): Promise<number | null> {
		const { posts } = this.#services;
		const row = await this.visible(viewer, id);
		if (row.rootId) {
			const root = (await posts.byIds([row.rootId], viewer)).get(row.rootId);
			if (row.authorId !== viewer && root?.authorId !== viewer) throw new Problem("forbidden");
			// What is deleted stays so: who asks again goes on from there.
			if (!(await posts.removeComment(id))) throw new Problem("unavailable");
			return this.touched(viewer, row.parentId ?? row.rootId);
		}
		if (row.authorId !== viewer) throw new Problem("forbidden");
		// One that was edited may have had a wider audience before.
		const audience = row.editedAt === null ? row.audience : rankOf("public");
		await this.#promised(id, [{ kind: "remove", postId: id, authorId: viewer, audience }], (jobs) =>
			posts.remove(id, jobs),
		);
		return this.#applyOwn(viewer, { kind: "remove", postId: id, cause: "deleted" });
	}

	/** Those of `rows` whose authors and the viewer do not block each other. */
	async unblocked(viewer: Id, rows: readonly PostRow[]): Promise<PostRow[]> {
		const authors = await this.#services.graph.unblocked(
			viewer,
			rows.map((row) => row.authorId),
		);
		return rows.filter((row) => authors.has(row.authorId));
	}

	/** Rows as a viewer gets them, in their order; one whose author is gone is left out. */
	async present(rows: readonly PostRow[]): Promise<PostView[]> {
		const { accounts, mediaAddresses } = this.#services;
		const authors = await accounts.byIds(rows.map((row) => row.authorId));
		return rows.flatMap((row) => {
			const author = authors.get(row.authorId);
			return author ? [{ ...presentPost(row, author, mediaAddresses), viewer: { liked: row.liked } }] : [];
		});
	}

	/** Writes what shows media, and looks for them again when they have changed meanwhile. */
	async #showing<T>(
		owner: Id,
		ids: readonly Id[],
		post: Id,
		write: (wanted: Wanted) => Promise<T | undefined | false>,
	): Promise<T> {
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			const written = await write(await wantedBy(this.#services.mediaStore, owner, ids, post));
			if (written) return written;
		}
		throw new Problem("unavailable");
	}

	/** Makes a change with the jobs that it promises, then rings for them. */
	async #promised(on: Id, tasks: readonly Task[], write: (jobs: Job[]) => Promise<void>): Promise<void> {
		const jobIds = await underFreshId(
			() => this.mintFor(on),
			async (first) => {
				const jobs = tasks.map((task, n): Job => ({ id: n === 0 ? first : this.mintFor(on), task }));
				await write(jobs);
				return jobs.map((job) => job.id);
			},
		);
		await this.#services.doorbell.ring(jobIds);
	}

	async #presentOne(row: PostRow): Promise<PostView> {
		const [view] = await this.present([row]);
		if (!view) throw new Problem("post_not_found");
		return view;
	}

	async #own(viewer: Id, id: Id): Promise<PostRow> {
		const row = await this.visible(viewer, id);
		if (row.authorId !== viewer) throw new Problem("forbidden");
		return row;
	}

	/** Writes under `id`, or finds it written by a repeat of the same request, or takes another id when it is somebody else's. */
	async #insert(author: Id, id: Id, write: (id: Id) => Promise<PostRow | undefined>): Promise<PostRow> {
		for (let candidate = id, attempt = 1; attempt <= TRIES; candidate = this.mintFor(id), attempt++) {
			try {
				const row = await write(candidate);
				if (row) return row;
				throw new Problem("post_not_found");
			} catch (error) {
				if (!isTaken(error)) throw error;
				const row = (await this.#services.posts.byIds([candidate], author)).get(candidate);
				if (row?.authorId === author) return row;
			}
		}
		throw new Problem("unavailable");
	}

	/** Read your own write. The fan-out, or the timeline's own check, brings it too. */
	#applyOwn(owner: Id, change: Delivery): Promise<number | null> {
		return this.#services.timelines.tell(owner, (timeline) => timeline.apply([change]));
	}
}

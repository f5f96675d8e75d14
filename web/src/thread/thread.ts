import type { Author, Post } from "@edgefeed/sdk";
import { hasCode } from "../problems.ts";
import { createStore, type Store } from "../store.ts";
import {
	begin,
	type CommentPage,
	type Conversation,
	isOwnId,
	keyOf,
	ownId,
	type Sending,
	withNewest,
	withOlder,
	without,
	withRetried,
	withSaid,
	withSending,
	withSent,
} from "./conversation.ts";

/** What a thread asks of the API. */
export interface ThreadCalls {
	post(id: string): Promise<Post>;
	/** Newest first. */
	comments(id: string, cursor?: string): Promise<CommentPage>;
	edit(id: string, text: string): Promise<Post>;
	remove(id: string): Promise<void>;
	/** Keeps a comment on this device until it is sent; {@link Thread.kept} is told of it. */
	send(id: string, text: string): Promise<void>;
	/** Tries again what could not be sent, or lets go of it. */
	retry(key: string): Promise<void>;
	cancel(key: string): Promise<void>;
}

/** A comment that is kept on this device until it is sent. */
export interface KeptComment {
	/** Its key. */
	id: string;
	parentId: string;
	text: string;
	/** Unix milliseconds. */
	createdAt: number;
	sending: Sending;
}

export interface ThreadState {
	/** `missing`: it was never there for the reader; `gone`: it was deleted while it was read. */
	status: "loading" | "ready" | "missing" | "gone" | "failed";
	conversation: Conversation | null;
	/** Comments whose answers are shown. */
	open: ReadonlySet<string>;
	/** Posts and comments whose comments are being read. */
	reading: ReadonlySet<string>;
	/** Why comments could not be read, by what they are comments on. */
	faults: ReadonlyMap<string, unknown>;
	/** Why the post could not be read. */
	error: unknown;
}

const NOTHING: ThreadState = {
	status: "loading",
	conversation: null,
	open: new Set(),
	reading: new Set(),
	faults: new Map(),
	error: undefined,
};

/** A post with its comments on the screen: what is read of it, and what the reader does to it. */
export class Thread {
	readonly id: string;
	readonly state: Store<ThreadState> = createStore(NOTHING);
	readonly #calls: ThreadCalls;
	readonly #me: () => Author;
	/** Grows with each change of the reader's: what was asked for before one is older than the screen. */
	#changes = 0;
	#refreshing = false;
	#kept: readonly KeptComment[] = [];

	constructor(id: string, calls: ThreadCalls, me: () => Author) {
		this.id = id;
		this.#calls = calls;
		this.#me = me;
	}

	/** Reads the post and the first comments. @param known the post as it was seen elsewhere: it is shown until then */
	async open(known?: Post): Promise<void> {
		const shown = known ? { status: "ready" as const, conversation: begin(known) } : {};
		this.state.set({ ...NOTHING, ...shown, reading: new Set([this.id]) });
		const [post, page] = await Promise.allSettled([this.#calls.post(this.id), this.#calls.comments(this.id)]);
		if (post.status === "rejected") {
			const { reason: error } = post;
			if (isMissing(error)) return this.#set({ status: "missing", conversation: null });
			if (!known) return this.#set({ status: "failed", error });
		} else {
			const { conversation } = this.state.get();
			this.#set({
				status: "ready",
				conversation: conversation ? withSaid(conversation, post.value) : begin(post.value),
			});
		}
		if (page.status === "fulfilled") this.#change((now) => withNewest(now, this.id, page.value));
		this.kept(this.#kept);
		this.#set({
			reading: new Set(),
			...(page.status === "rejected" ? { faults: new Map([[this.id, page.reason]]) } : {}),
		});
	}

	/** Looks for what is new; without a word when that fails. */
	async refresh(): Promise<void> {
		const before = this.#changes;
		if (this.#refreshing || this.state.get().status !== "ready") return;
		this.#refreshing = true;
		try {
			const [post, page] = await Promise.all([this.#calls.post(this.id), this.#calls.comments(this.id)]);
			const answers = await Promise.all(
				this.#outdated(page).map(async (id) => ({ id, page: await this.#calls.comments(id) })),
			);
			if (this.#changes !== before) return;
			this.#change((conversation) =>
				answers.reduce(
					(now, answer) => withNewest(now, answer.id, answer.page),
					withNewest(withSaid(conversation, post), this.id, page),
				),
			);
		} catch (error) {
			if (isMissing(error)) this.#set({ status: "gone" });
		} finally {
			this.#refreshing = false;
		}
	}

	/** Shows the answers to a comment, or older ones of what is shown. */
	async more(parentId: string): Promise<void> {
		const { conversation, reading, open } = this.state.get();
		if (!conversation || reading.has(parentId)) return;
		const branch = conversation.branches.get(parentId);
		this.#set({ open: new Set(open).add(parentId) });
		// What is only being sent is no page.
		const read = branch?.ids.some((id) => !isOwnId(id)) ?? false;
		if (read && branch?.next === null) return;
		this.#set({ reading: new Set(reading).add(parentId), faults: except(this.state.get().faults, parentId) });
		try {
			const page = await this.#calls.comments(parentId, branch?.next ?? undefined);
			this.#change((now) => (branch?.next ? withOlder(now, parentId, page) : withNewest(now, parentId, page)));
		} catch (error) {
			this.#set({ faults: new Map(this.state.get().faults).set(parentId, error) });
		} finally {
			const left = new Set(this.state.get().reading);
			left.delete(parentId);
			this.#set({ reading: left });
		}
	}

	hide(parentId: string): void {
		const open = new Set(this.state.get().open);
		open.delete(parentId);
		this.#set({ open });
	}

	/** Resolves when a comment is kept: it is shown, and sent whatever becomes of the page. */
	async comment(text: string, parentId: string): Promise<void> {
		const { conversation } = this.state.get();
		if (!conversation) return;
		const parent = conversation.said.get(parentId);
		if (parent && parent.id !== this.id && parent.commentCount > 0 && !conversation.branches.has(parentId)) {
			await this.more(parentId);
		}
		this.#set({ open: new Set(this.state.get().open).add(parentId) });
		await this.#calls.send(parentId, text);
	}

	/** What is kept on this device of all that was said anywhere: what belongs here is shown. */
	kept(comments: readonly KeptComment[]): void {
		const before = this.#kept;
		if (before.length === 0 && comments.length === 0) return;
		this.#kept = comments;
		const { conversation } = this.state.get();
		const root = conversation?.said.get(this.id);
		if (!root) return;
		const gone = before.filter(({ id }) => comments.every((comment) => comment.id !== id));
		this.#change((now) => {
			let next = gone.reduce((rest, { id }) => without(rest, ownId(id)), now);
			for (const { id, parentId, text, createdAt, sending } of comments) {
				if (next.said.has(ownId(id))) next = withRetried(next, ownId(id), sending);
				else if (next.said.has(parentId)) {
					next = withSending(next, id, this.#draft(root, parentId, text, createdAt), sending);
				}
			}
			return next;
		});
	}

	/** What was kept has arrived. */
	arrived(key: string, comment: Post): void {
		this.#kept = this.#kept.filter(({ id }) => id !== key);
		this.#change((now) => withSent(now, ownId(key), comment));
	}

	/** Sends a comment once more that did not arrive. */
	again(id: string): Promise<void> {
		return this.#calls.retry(keyOf(id));
	}

	/** Takes back a comment that did not arrive. */
	discard(id: string): Promise<void> {
		return this.#calls.cancel(keyOf(id));
	}

	/** @throws EdgefeedError */
	async edit(id: string, text: string): Promise<void> {
		const said = await this.#calls.edit(id, text);
		this.#change((now) => withSaid(now, said));
	}

	/** Takes a comment away at once. @throws EdgefeedError, and then it is there again */
	async remove(id: string): Promise<void> {
		const before = this.state.get().conversation;
		this.#change((now) => without(now, id));
		try {
			await this.#calls.remove(id);
			this.#changes++;
		} catch (error) {
			if (before) this.#set({ conversation: before });
			throw error;
		}
	}

	/** A post or comment as the server says it is after the reader has done something to it. */
	changed(post: Post): void {
		this.#change((now) => withSaid(now, post));
	}

	/** Comments of a page whose answers are shown, and are not as many any more. */
	#outdated(page: CommentPage): string[] {
		const { conversation, open } = this.state.get();
		return page.items
			.filter(({ id, commentCount }) => open.has(id) && conversation?.said.get(id)?.commentCount !== commentCount)
			.map(({ id }) => id);
	}

	/** What a comment will look like. */
	#draft(root: Post, parentId: string, text: string, at: number): Post {
		return {
			...root,
			author: this.#me(),
			parentId,
			text,
			link: null,
			media: [],
			preview: null,
			createdAt: new Date(at).toISOString(),
			editedAt: null,
			likeCount: 0,
			commentCount: 0,
			viewer: { liked: false },
		};
	}

	#change(change: (conversation: Conversation) => Conversation): void {
		this.#changes++;
		const { conversation } = this.state.get();
		if (conversation) this.#set({ conversation: change(conversation) });
	}

	#set(part: Partial<ThreadState>): void {
		this.state.set({ ...this.state.get(), ...part });
	}
}

function isMissing(error: unknown): boolean {
	return hasCode(error, "post_not_found", "not_found");
}

function except<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Map<Key, Value> {
	const rest = new Map(map);
	rest.delete(key);
	return rest;
}

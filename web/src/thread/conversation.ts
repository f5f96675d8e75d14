import type { Author, Post } from "@edgefeed/sdk";

/**
 * The comments below a post as far as they are known: pure. Comments on the post stand newest first, as the API lists
 * them; answers to a comment stand oldest first, because that is how a conversation is read.
 */

/** A post or comment on the screen. One that is being sent has an id of this page's own, which sorts as the newest. */
export interface Said extends Post {
	sending?: Sending;
}

/** `waiting`: it is on its way; `kept`: on this device, until there is a network. */
export type Sending = "waiting" | "kept" | "failed";

interface Branch {
	/** Newest first. */
	ids: readonly string[];
	/** Where the older ones begin; null when there are none. */
	next: string | null;
}

export interface Conversation {
	rootId: string;
	/** The post itself and every comment that is known. */
	said: ReadonlyMap<string, Said>;
	/** Of whatever was asked for its comments. */
	branches: ReadonlyMap<string, Branch>;
}

/** A page of comments, newest first. */
export interface CommentPage {
	items: readonly Post[];
	next: string | null;
}

export type Row =
	| {
			kind: "comment";
			comment: Said;
			depth: Depth;
			/** Whom it answers, where the indentation does not tell any more. */
			answers: Author | null;
	  }
	/** More of a branch can be had: `count` answers when none is shown yet, else null. */
	| { kind: "more"; parentId: string; depth: Depth; count: number | null };

export type Depth = 0 | 1 | 2;
const DEEPEST = 2;

/** Sorts behind every id of the server's, which are digits and capital letters. */
const OWN = "~";

export function begin(root: Post): Conversation {
	return { rootId: root.id, said: new Map([[root.id, root]]), branches: new Map() };
}

/** What a comment is called here until the server has named it. */
export function ownId(key: string): string {
	return OWN + key;
}

/** The key of such a name. */
export function keyOf(id: string): string {
	return id.slice(OWN.length);
}

export function isOwnId(id: string): boolean {
	return id.startsWith(OWN);
}

/** A page that is newer than what is held: what it should hold and does not is gone. */
export function withNewest(conversation: Conversation, parentId: string, page: CommentPage): Conversation {
	const held = conversation.branches.get(parentId);
	const oldest = page.items.at(-1)?.id;
	const sending = held?.ids.filter(isOwnId) ?? [];
	const known = held?.ids.filter((id) => !isOwnId(id)) ?? [];
	// A page all of whose authors are blocked has no items, and yet there may be more.
	if (oldest === undefined && page.next !== null && known.length > 0) return conversation;

	const joins = oldest !== undefined && page.next !== null && known[0] !== undefined && known[0] >= oldest;
	const older = joins ? known.filter((id) => id < oldest) : [];
	const ids = [...sending, ...page.items.map(({ id }) => id), ...older];
	const gone = known.filter((id) => !ids.includes(id));
	const next = joins && older.length > 0 ? (held?.next ?? null) : page.next;
	return forget(put(conversation, parentId, page.items, { ids, next }), gone);
}

/** The page behind the oldest one that is held. */
export function withOlder(conversation: Conversation, parentId: string, page: CommentPage): Conversation {
	const held = conversation.branches.get(parentId)?.ids ?? [];
	const fresh = page.items.map(({ id }) => id).filter((id) => !held.includes(id));
	return put(conversation, parentId, page.items, { ids: [...held, ...fresh], next: page.next });
}

/** A comment that is on its way, and one more in the count of what it answers. */
export function withSending(conversation: Conversation, key: string, comment: Post, sending: Sending): Conversation {
	const parentId = comment.parentId ?? conversation.rootId;
	const said: Said = { ...comment, id: ownId(key), sending };
	const branch = conversation.branches.get(parentId) ?? { ids: [], next: null };
	const more = put(conversation, parentId, [said], { ...branch, ids: [said.id, ...branch.ids] });
	return counted(more, parentId, 1);
}

export function withRetried(conversation: Conversation, id: string, sending: Sending): Conversation {
	const said = conversation.said.get(id);
	return said && said.sending !== sending ? withSaid(conversation, { ...said, sending }) : conversation;
}

/** The comment that was on its way as the server has it. A page may have brought it before. */
export function withSent(conversation: Conversation, id: string, comment: Post): Conversation {
	const parentId = comment.parentId ?? conversation.rootId;
	const branch = conversation.branches.get(parentId);
	if (!branch) return conversation;
	const others = branch.ids.filter((other) => other !== id && other !== comment.id);
	const ids = [...others, comment.id].sort((a, b) => (a < b ? 1 : -1));
	const said = new Map(conversation.said);
	said.delete(id);
	return put({ ...conversation, said }, parentId, [comment], { ...branch, ids });
}

/** A post or comment that was edited, liked or read again. */
export function withSaid(conversation: Conversation, said: Said): Conversation {
	if (!conversation.said.has(said.id)) return conversation;
	return { ...conversation, said: new Map(conversation.said).set(said.id, said) };
}

/** Without a comment and all that answers it. */
export function without(conversation: Conversation, id: string): Conversation {
	const said = conversation.said.get(id);
	if (!said || id === conversation.rootId) return conversation;
	const parentId = said.parentId ?? conversation.rootId;
	const branch = conversation.branches.get(parentId);
	const branches = new Map(conversation.branches);
	if (branch) branches.set(parentId, { ...branch, ids: branch.ids.filter((other) => other !== id) });
	return counted(forget({ ...conversation, branches }, [id]), parentId, -1);
}

/** What is shown, from the top; `open` are the comments whose answers are. */
export function rowsOf(conversation: Conversation, open: ReadonlySet<string>): Row[] {
	const { rootId, said, branches } = conversation;
	const rows: Row[] = [];

	const answersOf = (parent: Said, below: number) => {
		const depth = Math.min(below, DEEPEST) as Depth;
		const branch = branches.get(parent.id);
		if (!open.has(parent.id)) {
			if (parent.commentCount > 0) rows.push({ kind: "more", parentId: parent.id, depth, count: parent.commentCount });
			return;
		}
		if (!branch || branch.next !== null) rows.push({ kind: "more", parentId: parent.id, depth, count: null });
		for (const id of [...(branch?.ids ?? [])].reverse()) {
			const comment = said.get(id);
			if (!comment) continue;
			rows.push({ kind: "comment", comment, depth, answers: below > DEEPEST ? parent.author : null });
			answersOf(comment, below + 1);
		}
	};

	const top = branches.get(rootId);
	for (const id of top?.ids ?? []) {
		const comment = said.get(id);
		if (!comment) continue;
		rows.push({ kind: "comment", comment, depth: 0, answers: null });
		answersOf(comment, 1);
	}
	if (top && top.next !== null) rows.push({ kind: "more", parentId: rootId, depth: 0, count: null });
	return rows;
}

function put(conversation: Conversation, parentId: string, posts: readonly Said[], branch: Branch): Conversation {
	const said = new Map(conversation.said);
	for (const post of posts) said.set(post.id, post);
	return { ...conversation, said, branches: new Map(conversation.branches).set(parentId, branch) };
}

function forget(conversation: Conversation, ids: readonly string[]): Conversation {
	if (ids.length === 0) return conversation;
	const said = new Map(conversation.said);
	const branches = new Map(conversation.branches);
	const drop = (id: string) => {
		for (const below of branches.get(id)?.ids ?? []) drop(below);
		branches.delete(id);
		said.delete(id);
	};
	for (const id of ids) drop(id);
	return { ...conversation, said, branches };
}

function counted(conversation: Conversation, id: string, difference: 1 | -1): Conversation {
	const said = conversation.said.get(id);
	if (!said) return conversation;
	return withSaid(conversation, { ...said, commentCount: Math.max(0, said.commentCount + difference) });
}

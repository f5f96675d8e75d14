/** What must be true of the server: made from acknowledged requests alone, and knowing nothing of how it works. */
import type { Audience } from "../scripts/network.ts";
import type { Id } from "../src/store/ids.ts";

export interface Person {
	id: Id;
	username: string;
	token: string;
}

/** A post, or a comment on one. */
export interface Story {
	id: Id;
	author: Id;
	/** What a comment answers, and the post that it hangs on. */
	parent: Id | undefined;
	root: Id | undefined;
	text: string;
	audience: Audience;
	/** The widest audience that it ever had. */
	widest: Audience;
	likes: Set<Id>;
	/** What it said before, oldest first. */
	before: string[];
}

/** What two people are to each other. */
export interface Tie {
	friends: boolean;
	/** Who asked to be friends. */
	asked: Id | undefined;
	/** Those of the two who follow, or block, the other. */
	followers: Set<Id>;
	blockers: Set<Id>;
	/** Those of the two who once saw more of the other than they do today. */
	sawMore: Set<Id>;
}

/** How much one sees of another, as the audiences are ordered. */
const AUDIENCES: readonly Audience[] = ["public", "followers", "friends", "me"];
const BLOCKED = -1;
const STRANGER = 0;
const FOLLOWER = 1;
const FRIEND = 2;
const SELF = 3;

export const width = (audience: Audience): number => AUDIENCES.indexOf(audience);

export class Model {
	readonly people: readonly Person[];
	readonly stories = new Map<Id, Story>();
	/** Posts and comments that were deleted. */
	readonly deleted: Story[] = [];
	readonly #ties = new Map<string, Tie>();
	/** How far each has read. */
	readonly markers = new Map<Id, Id>();

	constructor(people: readonly Person[]) {
		this.people = people;
	}

	static pair(a: Id, b: Id): string {
		return a < b ? `${a} ${b}` : `${b} ${a}`;
	}

	tie(a: Id, b: Id): Tie {
		const key = Model.pair(a, b);
		const known = this.#ties.get(key);
		if (known) return known;
		const tie: Tie = {
			friends: false,
			asked: undefined,
			followers: new Set(),
			blockers: new Set(),
			sawMore: new Set(),
		};
		this.#ties.set(key, tie);
		return tie;
	}

	/** Changes a tie, and notes who sees less than before. */
	change(a: Id, b: Id, change: (tie: Tie) => void): void {
		const before = [this.level(a, b), this.level(b, a)] as const;
		const tie = this.tie(a, b);
		change(tie);
		if (this.level(a, b) < before[0]) tie.sawMore.add(a);
		if (this.level(b, a) < before[1]) tie.sawMore.add(b);
	}

	befriend(a: Id, b: Id): void {
		this.change(a, b, (tie) => {
			tie.friends = true;
			tie.asked = undefined;
		});
	}

	block(blocker: Id, other: Id): void {
		this.change(blocker, other, (tie) => {
			tie.friends = false;
			tie.asked = undefined;
			tie.followers.clear();
			tie.blockers.add(blocker);
		});
	}

	level(viewer: Id, author: Id): number {
		if (viewer === author) return SELF;
		const tie = this.#ties.get(Model.pair(viewer, author));
		if (!tie) return STRANGER;
		if (tie.blockers.size > 0) return BLOCKED;
		if (tie.friends) return FRIEND;
		return tie.followers.has(viewer) ? FOLLOWER : STRANGER;
	}

	/** Whether somebody may see a post, or a comment: that is seen by who sees its post. */
	maySee(viewer: Id, { author, audience, root }: Story): boolean {
		const level = this.level(viewer, author);
		if (root === undefined) return width(audience) <= level;
		const post = this.stories.get(root);
		return level !== BLOCKED && post !== undefined && this.maySee(viewer, post);
	}

	isBlocked(a: Id, b: Id): boolean {
		return this.level(a, b) === BLOCKED;
	}

	/** Somebody's feed, newest first. */
	feed(viewer: Id): Story[] {
		return this.#posts((story) => this.level(viewer, story.author) > STRANGER && this.maySee(viewer, story));
	}

	/** An author's posts, newest first. */
	by(author: Id): Story[] {
		return this.#posts((story) => story.author === author);
	}

	/** What answers a post or comment, newest first. */
	answers(parent: Id): Story[] {
		return newestFirst([...this.stories.values()].filter((story) => story.parent === parent));
	}

	/**
	 * Posts that the viewer may have seen before and may not today, of authors to whom she has a tie: a timeline
	 * may keep them, since they come back with the audience or the tie, and the reader's filter hides them.
	 */
	hidden(viewer: Id): number {
		return this.#posts((story) => {
			const level = this.level(viewer, story.author);
			if (level <= STRANGER || this.maySee(viewer, story)) return false;
			const sawMore = this.tie(viewer, story.author).sawMore.has(viewer);
			return width(story.widest) <= (sawMore ? FRIEND : level);
		}).length;
	}

	/** Deletes a story with all that hangs on it. */
	remove(id: Id): void {
		const story = this.stories.get(id);
		if (story) this.deleted.push(story);
		this.stories.delete(id);
		for (const each of [...this.stories.values()]) if (each.parent === id) this.remove(each.id);
	}

	/** Who is whose friend, follower and so on, with the names of the lists that the API has. */
	lists(of: Id) {
		const others = this.people.map(({ id }) => id).filter((id) => id !== of);
		const where = (test: (tie: Tie, other: Id) => boolean) =>
			others.filter((other) => test(this.tie(of, other), other));
		return {
			friends: where((tie) => tie.friends),
			followers: where((tie, other) => tie.followers.has(other)),
			following: where((tie) => tie.followers.has(of)),
			incoming: where((tie, other) => tie.asked === other),
			outgoing: where((tie) => tie.asked === of),
			blocks: where((tie) => tie.blockers.has(of)),
		};
	}

	#posts(test: (story: Story) => boolean): Story[] {
		return newestFirst([...this.stories.values()].filter((story) => story.root === undefined && test(story)));
	}
}

function newestFirst(stories: Story[]): Story[] {
	return stories.sort((a, b) => (a.id < b.id ? 1 : -1));
}

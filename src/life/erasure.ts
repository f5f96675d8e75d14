import type { Lives } from "../accounts/lives.ts";
import type { Sessions } from "../accounts/sessions.ts";
import type { AccountStore } from "../accounts/store.ts";
import type { ConnectedAccounts } from "../fanout/channel.ts";
import type { Graph } from "../graph/graph.ts";
import { sever } from "../graph/rules.ts";
import type { MediaKeeping } from "../media/keeping.ts";
import type { PostStore } from "../posts/store.ts";
import type { Id } from "../store/ids.ts";
import { type Job, noteProgress, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import type { Belongings, OwnRelation } from "./belongings.ts";
import type { Exports } from "./exports.ts";

export interface ErasureServices {
	accounts: AccountStore;
	belongings: Belongings;
	channels: ConnectedAccounts;
	exports: Exports;
	graph: Graph;
	lives: Lives;
	media: MediaKeeping;
	posts: PostStore;
	sessions: Sessions;
	shards: Shards;
	timelines: Timelines;
}

/** How a part of a step went: to be gone on with after a key, to be tried again later, or all done. */
type Outcome = { after: string } | "later" | "done";

/** Parts of steps in one run: each asks a database some hundred times at most, and an invocation may ask a thousand times. */
const PARTS = 5;
/** Ties and threads that one part ends, and how many ties at once. */
const TIES = 15;
const TIES_AT_ONCE = 5;
const THREADS = 10;
/** Rows that one part deletes. */
const ROWS = 100;

/**
 * Erases an account: a saga of steps, each of which looks for what is left and can be repeated. The job's progress
 * says which step it has come to; whoever dies leaves it to the next run.
 *
 * The account has been hidden for a minute at least, and cannot be signed in to: nothing new is made by it or about
 * it, save by what was promised before, for which `jobs` waits. Timelines of others lose the posts with the tie to
 * their author, so no removal is sent for each of them.
 *
 * What refers to an account and is not on a shard, in the timeline object or a row that goes with its `user` has to be
 * erased by a step of its own.
 */
export class Erasure {
	readonly #services: ErasureServices;

	constructor(services: ErasureServices) {
		this.#services = services;
	}

	/** @returns "more" when there is more to do than one run does, "later" when it has to wait for something */
	async run(start: Job<TaskOf<"erase">>): Promise<"done" | "more" | "later"> {
		const { belongings, shards } = this.#services;
		const { accountId } = start.task;
		const steps = this.#steps(accountId, start.id);
		let job: Job<TaskOf<"erase">> | undefined = start;
		for (let part = 0; part < PARTS; ) {
			const { step, after } = readProgress(job);
			const work = steps[step];
			if (work === undefined) {
				await belongings.finish(job.id);
				return "done";
			}
			const outcome = await work(after);
			if (outcome === "later") return "later";
			const progress = outcome === "done" ? { step: step + 1, after: "" } : { step, after: outcome.after };
			job = await noteProgress(shards, job, JSON.stringify(progress));
			// Another run goes on with it.
			if (!job) return "done";
			if (outcome !== "done") part++;
		}
		return "more";
	}

	/** In order; a later version may add steps only at the end, or where running those after it twice does no harm. */
	#steps(account: Id, job: Id): ((after: string) => Promise<Outcome>)[] {
		const { accounts, belongings, exports, lives, sessions, timelines } = this.#services;
		const all = (work: () => Promise<unknown>) => async (): Promise<"done"> => {
			await work();
			return "done";
		};
		return [
			all(() => sessions.endAll(account)),
			all(() => exports.forget(account)),
			all(() => timelines.of(account).erase()),
			(after) => this.#ties(account, after),
			() => this.#everywhere(() => this.#likes(account)),
			() => this.#everywhere(() => this.#comments(account)),
			() => this.#media(account),
			() => this.#posts(account),
			async () => ((await belongings.awaited(account, job)) ? "later" : "done"),
			() => this.#relations(account),
			() => this.#everywhere(all(() => belongings.forgetMutes(account))),
			() => this.#everywhere(all(() => belongings.forgetLetters(account))),
			all(() => this.#listeners(account)),
			// What was under way when these were erased first has ended since.
			all(() => exports.forget(account)),
			() => this.#media(account),
			all(() => timelines.of(account).erase()),
			all(() => accounts.remove(account)),
			all(() => lives.forget(account)),
		];
	}

	/** Ends what is between the account and others: their timelines lose its posts, their counts are right again. */
	async #ties(account: Id, after: string): Promise<Outcome> {
		const { accounts, belongings, channels, graph } = this.#services;
		const rows = await belongings.relations(account, after, TIES);
		const tied = rows.filter(isTied).map(({ other }) => other);
		const heavy = await accounts.heavyAmong(tied);
		if (heavy.size > 0) await channels.leave(account, [...heavy]);
		for (let at = 0; at < tied.length; at += TIES_AT_ONCE) {
			await Promise.all(tied.slice(at, at + TIES_AT_ONCE).map((other) => graph.act(account, other, sever)));
		}
		const last = rows.at(-1);
		return last && rows.length === TIES ? { after: last.other } : "done";
	}

	/** What is on all databases is done when none of them could have hidden some of it. */
	async #everywhere(work: () => Promise<Outcome>): Promise<Outcome> {
		const outcome = await work();
		return outcome === "done" && (await this.#services.belongings.isSwitching()) ? "later" : outcome;
	}

	async #likes(account: Id): Promise<Outcome> {
		const { belongings } = this.#services;
		for (const database of belongings.databases()) {
			const likes = await belongings.likes(database, account, "", ROWS);
			if (likes.length === 0) continue;
			await belongings.unlike(
				account,
				likes.map(({ postId }) => postId),
			);
			return { after: "" };
		}
		return "done";
	}

	/** With their threads, as when their author deletes them. */
	async #comments(account: Id): Promise<Outcome> {
		const { belongings, posts } = this.#services;
		for (const database of belongings.databases()) {
			const comments = await belongings.comments(database, account, "", THREADS);
			if (comments.length === 0) continue;
			for (const { id } of comments) if (!(await posts.removeComment(id))) break;
			return { after: "" };
		}
		return "done";
	}

	/** Photos and videos with their files; the posts that show them are not shown any more. */
	async #media(account: Id): Promise<Outcome> {
		return (await this.#services.media.forget(account)) ? "done" : { after: "" };
	}

	/** What hangs on a post goes before it: then the post is still there to be found when this dies half-way. */
	async #posts(account: Id): Promise<Outcome> {
		const { belongings, posts } = this.#services;
		const own = await belongings.posts(account, "", THREADS);
		for (const { id } of own) {
			if (!(await posts.eraseThread(id))) return { after: "" };
			await posts.remove(id, []);
		}
		return own.length === 0 ? "done" : { after: "" };
	}

	async #relations(account: Id): Promise<Outcome> {
		const { belongings } = this.#services;
		const rows = await belongings.relations(account, "", ROWS);
		if (rows.length === 0) return "done";
		await belongings.forgetRelations(
			account,
			rows.map(({ other }) => other),
		);
		return { after: "" };
	}

	/** The lists of who is connected: those that the account is in, and those of its own. */
	async #listeners(account: Id): Promise<void> {
		const { accounts, channels } = this.#services;
		await channels.leave(account, []);
		const profile = await accounts.own(account);
		if (profile && (profile.heavy === 1 || profile.herald !== null)) await channels.close(account);
	}
}

interface Progress {
	/** Which of the steps is next. */
	step: number;
	/** Where it goes on; empty at its start. */
	after: string;
}

function readProgress({ progress }: Job): Progress {
	return progress ? (JSON.parse(progress) as Progress) : { step: 0, after: "" };
}

function isTied(row: OwnRelation): boolean {
	const { friendAt, friendHold, requestedAt, requestedByAt, followingAt, followerAt, blockingAt, blockedByAt } = row;
	return [friendAt, friendHold, requestedAt, requestedByAt, followingAt, followerAt, blockingAt, blockedByAt].some(
		(each) => each !== null,
	);
}

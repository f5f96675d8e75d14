/** Compares a server that has settled with the model. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Id, timeOf } from "../src/store/ids.ts";
import type { Api } from "./api.ts";
import { Findings } from "./findings.ts";
import type { Follower } from "./follower.ts";
import type { Model, Person, Story } from "./model.ts";

const DATABASES = ["SHARD_0", "SHARD_1"] as const;
/** By then every row has been due once, in milliseconds: `SWEEP_AFTER` and some more. */
const FIRST_SWEEP = 75_000;
/** An audit leaves out posts that are younger: they may be on their way. */
const ON_ITS_WAY = 121_000;
const AT_ONCE = 6;

interface View {
	id: Id;
	author: { id: Id };
	text: string;
	audience: string;
	likeCount: number;
	commentCount: number;
}

export interface Checks {
	api: Api;
	model: Model;
	findings: Findings;
	followers: readonly Follower[];
}

/**
 * Waits until nothing is promised any more. Rows that the sweeper has tried before wait longer and longer: after the
 * first round of everything, these are made due now, to save the wait.
 */
export async function settle({ api, findings }: Checks, patience: number, say: (text: string) => void): Promise<void> {
	const { host } = api;
	const start = Date.now();
	let hurried = false;
	for (;;) {
		const counts = await Promise.all(
			DATABASES.map((name) =>
				host.query<{ n: number; held: number }>(
					name,
					`SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_chunks) AS n,
						(SELECT count(*) FROM relations WHERE friend_hold IS NOT NULL) AS held`,
				),
			),
		);
		const rows = counts.flat();
		const left = rows.reduce((sum, { n }) => sum + n, 0);
		const waited = Date.now() - start;
		if (left === 0) {
			say(`settled after ${(waited / 1000).toFixed(0)} s`);
			const held = rows.reduce((sum, row) => sum + row.held, 0);
			if (held > 0) findings.add("stuck", `${held} places are held for friendships that nobody decides`);
			return;
		}
		if (waited > patience) break;
		if (waited > FIRST_SWEEP && !hurried) {
			hurried = true;
			say(`${left} rows wait for a further try: made due`);
			for (const name of DATABASES)
				for (const table of ["outbox", "outbox_chunks"])
					await host.query(name, `UPDATE ${table} SET due_at = 0 WHERE attempts > 0`);
		}
		await sleep(1_000);
	}
	for (const name of DATABASES) {
		for (const table of ["outbox", "outbox_chunks"]) {
			const rows = await host.query(name, `SELECT * FROM ${table}`);
			for (const row of rows) findings.add("stuck", `${table} of ${name}: ${JSON.stringify(row)}`);
		}
	}
}

export async function check(checks: Checks, say: (text: string) => void): Promise<void> {
	const { model } = checks;
	const each = async (name: string, work: (who: Person) => Promise<void>) => {
		const { findings } = checks;
		for (let at = 0; at < model.people.length; at += AT_ONCE) {
			await Promise.all(
				model.people
					.slice(at, at + AT_ONCE)
					.map((who) => work(who).catch((error) => findings.add("lost", `${name} of ${who.username}: ${error}`))),
			);
		}
		say(`checked ${name}`);
	};
	await each("posts", (who) => checkPosts(checks, who));
	await each("relations and counts", (who) => checkRelations(checks, who));
	await each("feeds", (who) => checkFeed(checks, who));
	await checkLeftovers(checks);
	for (const follower of checks.followers) await checkFollower(checks, follower);
	say(`checked ${checks.followers.length} clients that followed`);
	await checkAudit(checks, say);
}

const line = ({ id, text, audience }: Pick<View, "id" | "text" | "audience">) => `${id} ${audience} ${text}`;
const ACKNOWLEDGED = { less: "lost", more: "duplicated" } as const;
const DERIVED = { less: "drift", more: "drift" } as const;

async function checkPosts({ api, model, findings }: Checks, who: Person): Promise<void> {
	const wanted = model.by(who.id);
	const { items } = await api.list<View>(who, `/v1/accounts/${who.id}/posts`);
	findings.compare(`posts of ${who.username}`, items.map(line), wanted.map(line), ACKNOWLEDGED);
	const found = new Map(items.map((item) => [item.id, item]));
	for (const story of wanted) {
		const view = found.get(story.id);
		if (view) await checkStory({ api, model, findings }, who, story, view);
	}
}

/** What hangs on a post or comment, as the post's author sees it: without those whom a block hides from her. */
async function checkStory(
	checks: Pick<Checks, "api" | "model" | "findings">,
	who: Person,
	story: Story,
	view: View,
): Promise<void> {
	const { api, model, findings } = checks;
	const { id } = story;
	const answers = model.answers(id);
	const count = (name: string, found: number, wanted: number) => {
		if (found !== wanted) findings.add("drift", `${name} of ${id} is ${found} instead of ${wanted}`);
	};
	count("likeCount", view.likeCount, story.likes.size);
	count("commentCount", view.commentCount, answers.length);
	if (story.likes.size > 0) {
		const { items } = await api.list<{ id: Id }>(who, `/v1/posts/${id}/likes`);
		const wanted = [...story.likes].filter((fan) => !model.isBlocked(who.id, fan)).sort();
		findings.compare(`likes of ${id}`, items.map((fan) => fan.id).sort(), wanted, ACKNOWLEDGED);
	}
	if (story.before.length > 0) {
		const { items } = await api.list<{ text: string }>(who, `/v1/posts/${id}/edits`);
		const found = items.map(({ text }) => text);
		findings.compare(`earlier texts of ${id}`, found, story.before.toReversed(), ACKNOWLEDGED);
	}
	if (answers.length === 0) return;
	const { items } = await api.list<View>(who, `/v1/posts/${id}/comments`);
	const shown = answers.filter(({ author }) => !model.isBlocked(who.id, author));
	const text = ({ id, text }: { id: Id; text: string }) => `${id} ${text}`;
	findings.compare(`comments on ${id}`, items.map(text), shown.map(text), ACKNOWLEDGED);
	const found = new Map(items.map((item) => [item.id, item]));
	for (const answer of shown) {
		const item = found.get(answer.id);
		if (item) await checkStory(checks, who, answer, item);
	}
}

async function checkRelations({ api, model, findings }: Checks, who: Person): Promise<void> {
	const lists = model.lists(who.id);
	const paths = {
		friends: `/v1/accounts/${who.id}/friends`,
		followers: `/v1/accounts/${who.id}/followers`,
		following: `/v1/accounts/${who.id}/following`,
		incoming: "/v1/friend-requests?direction=incoming",
		outgoing: "/v1/friend-requests?direction=outgoing",
		blocks: "/v1/blocks",
	};
	for (const [name, path] of Object.entries(paths) as [keyof typeof paths, string][]) {
		const { items } = await api.list<{ id: Id; accountId?: Id }>(who, path);
		const found = items.map(({ id, accountId }) => accountId ?? id).sort();
		findings.compare(`${name} of ${who.id}`, found, lists[name].sort(), ACKNOWLEDGED);
	}
	const account = await api.read<Record<string, number>>(who, "/v1/accounts/me");
	const counts = {
		friendCount: lists.friends.length,
		followerCount: lists.followers.length,
		followingCount: lists.following.length,
		postCount: model.by(who.id).filter(({ audience }) => audience !== "me").length,
	};
	for (const [name, wanted] of Object.entries(counts))
		if (account[name] !== wanted)
			findings.add("drift", `${name} of ${who.id} is ${account[name]} instead of ${wanted}`);
	const marker = model.markers.get(who.id);
	if (marker) {
		const { postId } = await api.read<{ postId: Id }>(who, "/v1/feed/marker");
		if (postId !== marker) findings.add("lost", `the marker of ${who.id} is ${postId} instead of ${marker}`);
	}
}

async function checkFeed({ api, model, findings }: Checks, who: Person): Promise<void> {
	const { items } = await api.list<View>(who, "/v1/feed");
	findings.compare(`feed of ${who.username} ${who.id}`, items.map(line), model.feed(who.id).map(line), DERIVED);
	Findings.order(
		items.map(({ id }) => id),
		(text) => findings.add("duplicated", `the feed of ${who.username}: ${text}`),
	);
}

/** What no request shows: pieces of what was deleted. */
async function checkLeftovers({ api, findings }: Checks): Promise<void> {
	for (const name of DATABASES) {
		const [row] = await api.host.query<Record<string, number>>(
			name,
			`SELECT
				(SELECT count(*) FROM posts WHERE parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM posts)) AS comments,
				(SELECT count(*) FROM likes WHERE post_id NOT IN (SELECT id FROM posts)) AS likes,
				(SELECT count(*) FROM post_versions WHERE post_id NOT IN (SELECT id FROM posts)) AS versions`,
		);
		for (const [what, count] of Object.entries(row ?? {}))
			if (count > 0) findings.add("stuck", `${count} ${what} in ${name} of posts that are gone`);
	}
}

/** How long a client may take to hear of the last change, in milliseconds. */
const CATCH_UP = 15_000;

async function checkFollower({ api, model, findings }: Checks, follower: Follower): Promise<void> {
	const { who } = follower;
	const { seq } = await api.read<{ seq: number }>(who, "/v1/feed?limit=1");
	for (const until = Date.now() + CATCH_UP; (follower.seq ?? -1) < seq; await sleep(50)) {
		if (Date.now() < until) continue;
		findings.add("stuck", `the client of ${who.username} is at ${follower.seq}, its timeline at ${seq}`);
		break;
	}
	const wanted = model.feed(who.id).map(({ id, text }) => `${id} ${text}`);
	const found = follower.list;
	findings.compare(`what the client of ${who.username} ${who.id} has`, found, wanted, DERIVED);
	const [have, want] = [new Set(found), new Set(wanted)];
	const differing = [...found.filter((each) => !want.has(each)), ...wanted.filter((each) => !have.has(each))];
	for (const id of new Set(differing.slice(0, 6).map((text) => text.slice(0, 13))))
		console.log(`    ${who.username} was told of ${id}: ${follower.told(id)}`);
}

async function checkAudit(checks: Checks, say: (text: string) => void): Promise<void> {
	const { api, model, findings } = checks;
	const newest = Math.max(0, ...[...model.stories.values()].map(({ id }) => timeOf(id)));
	const wait = newest + ON_ITS_WAY - Date.now();
	if (wait > 0) say(`waiting ${(wait / 1000).toFixed(0)} s until the audit looks at every post`);
	await sleep(Math.max(0, wait));
	let checked = 0;
	let hidden = 0;
	type Page = { checked: number; missing: number; stale: number; differing: Id[]; next: string | null };
	for (let cursor: string | null | undefined; cursor !== null; ) {
		const page: Page = await api.operate("/ops/audit", { limit: 1, ...(cursor ? { cursor } : {}) });
		checked += page.checked;
		const [id] = page.differing;
		if (page.missing > 0) findings.add("drift", `the audit misses ${page.missing} posts in the timeline of ${id}`);
		const allowed = id ? model.hidden(id) : 0;
		if (id && page.stale > allowed) {
			const text = `${page.stale} stale posts in the timeline of ${id}, at most ${allowed} explained`;
			findings.add("drift", `the audit finds ${text}: ${await explain(checks, id)}`);
		}
		hidden += Math.min(page.stale, allowed);
		cursor = page.next;
	}
	say(`audited ${checked} entries; ${hidden} are kept for when an audience or a tie grows again`);
}

/** The entries of a timeline that do not belong into its feed, and what the API says of them. */
async function explain({ api, model }: Checks, id: Id): Promise<string> {
	const who = model.people.find((person) => person.id === id);
	if (!who) return "of nobody";
	const fed = new Set(model.feed(id).map((story) => story.id));
	const found: string[] = [];
	for (const story of [...model.stories.values(), ...model.deleted]) {
		if (story.root !== undefined || fed.has(story.id)) continue;
		const path = `/v1/feed/entries/${story.id}`;
		const { body } = await api.ask<{ reason?: string; via: string; deliveredAt: string; filteredBy: string }>(
			who,
			"GET",
			path,
		);
		const { reason, via, deliveredAt, filteredBy } = body;
		if (!reason) continue;
		const level = model.level(id, story.author);
		found.push(
			`${story.id} by ${story.author} (${story.audience}, once ${story.widest}, level ${level}) as ${reason} by ${via} at ${deliveredAt}, hidden by ${filteredBy}`,
		);
	}
	return found.join("; ");
}

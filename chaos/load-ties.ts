/** Friendships, follows and blocks. */
import type { Teller } from "../scripts/stories.ts";
import type { Id } from "../src/store/ids.ts";
import { pickWeighted } from "./choice.ts";
import type { Load } from "./load.ts";
import { Model, type Person, type Tie } from "./model.ts";

interface Act {
	name: string;
	method: string;
	path: (other: Id) => string;
	body?: (other: Id) => unknown;
	/** Whether it changes something, as things are. */
	fits: (tie: Tie, actor: Id, other: Id) => boolean;
	does: (model: Model, actor: Id, other: Id) => void;
	weight: number;
}

const blocked = (tie: Tie) => tie.blockers.size > 0;

const ACTS: readonly Act[] = [
	{
		name: "request",
		method: "POST",
		path: () => "/v1/friend-requests",
		body: (accountId) => ({ accountId }),
		fits: (tie, actor) => !blocked(tie) && !tie.friends && tie.asked !== actor,
		does: (model, actor, other) => {
			if (model.tie(actor, other).asked === other) model.befriend(actor, other);
			else model.change(actor, other, (tie) => (tie.asked = actor));
		},
		weight: 6,
	},
	{
		name: "accept",
		method: "POST",
		path: (other) => `/v1/friend-requests/${other}/accept`,
		fits: (tie, _, other) => tie.asked === other,
		does: (model, actor, other) => model.befriend(actor, other),
		weight: 12,
	},
	{
		name: "withdraw",
		method: "DELETE",
		path: (other) => `/v1/friend-requests/${other}`,
		fits: (tie) => tie.asked !== undefined,
		does: (model, actor, other) => model.change(actor, other, (tie) => (tie.asked = undefined)),
		weight: 1,
	},
	{
		name: "unfriend",
		method: "DELETE",
		path: (other) => `/v1/friends/${other}`,
		fits: (tie) => tie.friends,
		does: (model, actor, other) => model.change(actor, other, (tie) => (tie.friends = false)),
		weight: 3,
	},
	{
		name: "follow",
		method: "PUT",
		path: (other) => `/v1/following/${other}`,
		fits: (tie, actor) => !blocked(tie) && !tie.followers.has(actor),
		does: (model, actor, other) => model.change(actor, other, (tie) => tie.followers.add(actor)),
		weight: 3,
	},
	{
		name: "unfollow",
		method: "DELETE",
		path: (other) => `/v1/following/${other}`,
		fits: (tie, actor) => tie.followers.has(actor),
		does: (model, actor, other) => model.change(actor, other, (tie) => tie.followers.delete(actor)),
		weight: 3,
	},
	{
		name: "block",
		method: "PUT",
		path: (other) => `/v1/blocks/${other}`,
		fits: (tie, actor) => !tie.blockers.has(actor),
		does: (model, actor, other) => model.block(actor, other),
		weight: 1,
	},
	{
		name: "unblock",
		method: "DELETE",
		path: (other) => `/v1/blocks/${other}`,
		fits: (tie, actor) => tie.blockers.has(actor),
		does: (model, actor, other) => model.change(actor, other, (tie) => tie.blockers.delete(actor)),
		weight: 6,
	},
];

/** One changes what she is to another. */
export async function act(load: Load, random: Teller): Promise<void> {
	const { model, findings, api } = load;
	const [actor, other] = pickPair(load, random);
	await load.locks.hold([Model.pair(actor.id, other.id)], async () => {
		const chosen = choose(model, random, actor.id, other.id);
		if (!chosen) return;
		const { status, body, unsure } = await perform(load, chosen, actor, other);
		const what = `${actor.username} ${chosen.name} ${other.username}`;
		if (status < 300) {
			load.written++;
			chosen.does(model, actor.id, other.id);
		} else if (unsure) {
			await learn(load, actor.id, other.id);
		} else if (status === 404 && body.code === "account_not_found") {
			// Her own side of the tie is behind: a block that was taken back a moment ago.
			api.count("refused behind a tie");
		} else {
			findings.add("lost", `${what} was refused: ${status} ${JSON.stringify(body)}`);
		}
	});
}

/** Both act at the same moment, or one twice: what comes of it is read from the tie's authority. */
export async function collide(load: Load, random: Teller): Promise<void> {
	const { model } = load;
	const [a, b] = pickPair(load, random);
	await load.locks.hold([Model.pair(a.id, b.id)], async () => {
		const acts = [a, b, random.pick([a, b])].map((actor) => {
			const other = actor === a ? b : a;
			return { actor, other, chosen: choose(model, random, actor.id, other.id) };
		});
		const answers = await Promise.all(
			acts.map(({ actor, other, chosen }) => chosen && perform(load, chosen, actor, other)),
		);
		load.written += answers.filter((answer) => answer && answer.status < 300).length;
		await learn(load, a.id, b.id);
	});
}

function perform({ api }: Load, { method, path, body }: Act, actor: Person, other: Person) {
	return api.ask<{ code?: string }>(actor, method, path(other.id), body ? { body: body(other.id) } : {});
}

/** The lower id's row is the authority. */
async function learn({ model, api }: Load, a: Id, b: Id): Promise<void> {
	const [low, high] = a < b ? [a, b] : [b, a];
	const found = await Promise.all(
		["SHARD_0", "SHARD_1"].map((name) =>
			api.host.query<Record<string, number | null>>(
				name,
				`SELECT friend_at, requested_at, requested_by_at, following_at, follower_at, blocking_at, blocked_by_at
					FROM relations WHERE owner = ? AND other = ?`,
				low,
				high,
			),
		),
	);
	const row = found.flat()[0] ?? {};
	const has = (name: string) => (row[name] ?? null) !== null;
	const sides = (ofLow: string, ofHigh: string) => [...(has(ofLow) ? [low] : []), ...(has(ofHigh) ? [high] : [])];
	model.change(low, high, (tie) => {
		// What they were in between, nobody saw: either may have been a friend.
		tie.sawMore.add(low).add(high);
		tie.friends = has("friend_at");
		tie.asked = sides("requested_at", "requested_by_at")[0];
		tie.followers = new Set(sides("following_at", "follower_at"));
		tie.blockers = new Set(sides("blocking_at", "blocked_by_at"));
	});
}

function choose(model: Model, random: Teller, actor: Id, other: Id): Act | undefined {
	const tie = model.tie(actor, other);
	const fitting = ACTS.filter(({ fits }) => fits(tie, actor, other));
	return pickWeighted(random, fitting);
}

/** Neighbours, so that the same two meet again and again. */
function pickPair({ model: { people } }: Load, random: Teller): [Person, Person] {
	const n = random.int(people.length);
	const m = (n + 1 + random.int(6)) % people.length;
	const [a, b] = [people[n], people[m]] as [Person, Person];
	return random.fraction() < 0.5 ? [a, b] : [b, a];
}

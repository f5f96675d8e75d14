/** Random load: people who write, read, meet and part, several at once. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Teller } from "../scripts/stories.ts";
import type { Api } from "./api.ts";
import { pickWeighted } from "./choice.ts";
import { Findings } from "./findings.ts";
import * as stories from "./load-stories.ts";
import * as ties from "./load-ties.ts";
import type { Model, Person } from "./model.ts";

export interface Load {
	api: Api;
	model: Model;
	findings: Findings;
	/** Ends the load; what has begun is brought to its end. */
	stop: { now: boolean };
	/** Acknowledged writes. */
	written: number;
	locks: Locks;
	/** Makes a text and a key that nobody else has. */
	serial: number;
}

/**
 * What an action changes, or depends on, is its own until it is acknowledged: so the model needs no guesses.
 * What shares nothing happens at the same time.
 */
export class Locks {
	readonly #held = new Set<string>();

	/** Does the work if nobody else works on the same, and says whether it did. */
	async hold(names: readonly string[], work: () => Promise<void>): Promise<boolean> {
		if (names.some((name) => this.#held.has(name))) return false;
		for (const name of names) this.#held.add(name);
		try {
			await work();
		} finally {
			for (const name of names) this.#held.delete(name);
		}
		return true;
	}
}

export type Action = (load: Load, random: Teller) => Promise<unknown>;

/** How often each happens, relative to the others. */
const ACTIONS: readonly { weight: number; action: Action }[] = [
	{ weight: 30, action: stories.publish },
	{ weight: 8, action: stories.edit },
	{ weight: 5, action: stories.remove },
	{ weight: 8, action: stories.comment },
	{ weight: 3, action: stories.removeComment },
	{ weight: 12, action: stories.like },
	{ weight: 22, action: ties.act },
	{ weight: 4, action: ties.collide },
	{ weight: 8, action: readFeed },
	{ weight: 4, action: mark },
];

/** An action that takes longer, in milliseconds, goes on by itself: one that waits for a repair must not end the load. */
const PARK_AFTER = 2_000;

/** Acts until it is told to stop, and until everything that it began has been answered. */
export async function drive(load: Load, random: Teller): Promise<void> {
	const begun = new Set<Promise<void>>();
	while (!load.stop.now) {
		const { action } = pickWeighted(random, ACTIONS) ?? {};
		const work: Promise<void> = perform(load, random, action).finally(() => begun.delete(work));
		begun.add(work);
		await Promise.race([work, sleep(PARK_AFTER, undefined, { ref: false })]);
	}
	await Promise.all(begun);
}

async function perform(load: Load, random: Teller, action: Action | undefined): Promise<void> {
	try {
		await action?.(load, random);
	} catch (error) {
		load.findings.add("stuck", `${action?.name}: ${error instanceof Error ? error.message : String(error)}`);
	}
}

/** A third of the people never read, so that their timelines stay cold. */
export function readers(model: Model): Person[] {
	return model.people.filter((_, n) => n % 3 > 0);
}

async function readFeed({ api, model, findings }: Load, random: Teller): Promise<void> {
	const who = random.pick(readers(model));
	const { items } = await api.list<{ id: string }>(who, "/v1/feed");
	Findings.order(
		items.map(({ id }) => id),
		(text) => findings.add("duplicated", `the feed of ${who.username} while it changes: ${text}`),
	);
}

/** The marker only goes forward, so the newest that was acknowledged is where it is. */
async function mark(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const who = random.pick(readers(model));
	const feed = model.feed(who.id);
	if (feed.length === 0) return;
	const postId = random.pick(feed.slice(0, 20)).id;
	const { status } = await api.ask(who, "PUT", "/v1/feed/marker", { body: { postId } });
	if (status !== 200) return load.findings.add("lost", `a marker was answered with ${status}`);
	load.written++;
	const before = model.markers.get(who.id);
	if (!before || before < postId) model.markers.set(who.id, postId);
}

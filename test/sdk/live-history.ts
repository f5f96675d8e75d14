import fc from "fast-check";
import type { LiveFeed, LiveFeedState } from "../../sdk/src/index.ts";
import { Device } from "./device.ts";
import { FAULTLESS, type Faults, ModelNetwork } from "./model-network.ts";
import type { ModelService } from "./model-service.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** Random histories of two devices, the network between them and the service, and what happens there. */

/** Few, so that much happens beyond them. */
const OPTIONS = { keep: 12, pageSize: 5, stored: 8, pollEvery: 5000 };

/** What of a state is not the feed: a gap, a repeat, or what was never there. */
function wrongIn({ items, hasOlder, seq, building, fresh }: LiveFeedState, service: ModelService): string[] {
	const ids = items.map(({ id }) => id);
	const wrong: string[] = [];
	if (ids.some((id, n) => n > 0 && id >= (ids[n - 1] as string))) wrong.push(`out of order or repeated: ${ids}`);
	if (fresh.some((id) => !ids.includes(id))) wrong.push("fresh and not there");
	if (seq === null || building) return wrong;
	const { must, may } = service.bounds(seq);
	const shown = new Set(ids);
	const bottom = hasOlder ? (ids.at(-1) ?? "~") : "";
	for (const id of must) if (id >= bottom && !shown.has(id)) wrong.push(`a gap: ${id} at ${seq}`);
	for (const id of ids) if (!may.has(id)) wrong.push(`not of the feed: ${id} at ${seq}`);
	return wrong;
}

const chance = fc.double({ min: 0, max: 0.3, noNaN: true });
const faults: fc.Arbitrary<Faults> = fc.oneof(
	fc.constant(FAULTLESS),
	fc.record({
		lost: chance,
		unanswered: chance,
		stuck: fc.double({ min: 0, max: 0.05, noNaN: true }),
		cut: chance,
		silent: fc.double({ min: 0, max: 0.1, noNaN: true }),
		hole: fc.double({ min: 0, max: 0.05, noNaN: true }),
		refused: chance,
	}),
);
const device = fc.nat({ max: 1 });
/** Which of the posts, the newest first. */
const which = fc.nat({ max: 8 });

const step = fc.oneof(
	{
		weight: 6,
		arbitrary: fc.record({ do: fc.constant("post"), author: fc.nat({ max: 2 }), late: fc.nat({ max: 9000 }) }),
	},
	{ weight: 3, arbitrary: fc.record({ do: fc.constantFrom("edit", "delete", "toggle"), which }) },
	{
		weight: 2,
		arbitrary: fc.record({ do: fc.constantFrom("own", "own-delete", "mark", "older", "show"), device, which }),
	},
	// Something happens just below what a device holds while it asks for that.
	{
		weight: 3,
		arbitrary: fc.record({ do: fc.constant("race"), device, late: fc.nat({ max: 2500 }), ms: fc.nat({ max: 500 }) }),
	},
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("retie"), author: fc.nat({ max: 2 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("trim"), kept: fc.nat({ max: 4 }) }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constantFrom("drop", "restart-service") }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constantFrom("restart", "crash", "offline", "online"), device }) },
	{ weight: 1, arbitrary: fc.record({ do: fc.constant("faults"), faults }) },
	{
		weight: 6,
		arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.oneof(fc.nat({ max: 400 }), fc.nat({ max: 60_000 })) }),
	},
);
type Step = Partial<{
	do: string;
	author: number;
	late: number;
	which: number;
	device: number;
	kept: number;
	faults: Faults;
	ms: number;
}>;

export const history = fc.record({
	seed: fc.integer(),
	before: fc.nat({ max: 30 }),
	sockets: fc.tuple(fc.boolean(), fc.boolean()),
	faults,
	steps: fc.array(step as fc.Arbitrary<Step>, { minLength: 5, maxLength: 60, size: "max" }),
});
export type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** @returns what went wrong */
export async function play(
	clock: VirtualClock,
	{ seed, before, sockets, faults: first, steps }: History,
): Promise<string[]> {
	const network = new ModelNetwork(seed, () => clock.now);
	const { service } = network;
	for (let n = 0; n < before; n++) {
		service.deliver(service.commit(n, 1000 * (before - n)));
	}
	const wrong: string[] = [];
	const devices = sockets.map((each) => {
		const { way, fetch, WebSocket } = network.device();
		return new Device({
			baseUrl: "https://feed.test",
			way,
			fetch,
			WebSocket: each ? WebSocket : null,
			now: () => clock.now,
			random: network.random,
			options: OPTIONS,
			shown: (state) => wrong.push(...wrongIn(state, service)),
		});
	});
	for (const each of devices) void each.edgefeed.session.signIn({ username: "me", password: "x" });
	await clock.pass(2000);
	network.faults = first;
	const posts = () => [...service.rows.keys()].sort().reverse();
	let texts = 0;
	const later = (milliseconds: number, run: () => void) => setTimeout(run, milliseconds);
	for (const {
		do: what,
		author = 0,
		late = 0,
		which: nth = 0,
		device: of = 0,
		kept = 0,
		faults: next,
		ms = 0,
	} of steps) {
		const at = devices[of] as Device;
		const post = posts()[nth];
		const shown = at.live.state.items[nth];
		if (what === "post") {
			const id = service.commit(author, late);
			later((late * 7) % 900, () => service.deliver(id));
		} else if (what === "edit" && post) {
			service.edit(post, `text ${++texts}`);
			later((nth * 130) % 700, () => service.deliverEdit(post));
		} else if (what === "delete" && post) {
			service.delete(post);
			later((nth * 130) % 700, () => service.deliverRemoval(post));
		} else if (what === "toggle" && post) service.toggle(post);
		else if (what === "own") void at.edgefeed.posts.create({ text: `own ${++texts}` }).catch(() => undefined);
		else if (what === "own-delete" && shown) void at.edgefeed.posts.delete(shown.id).catch(() => undefined);
		else if (what === "mark" && shown) at.live.mark(shown.id);
		else if (what === "older") void at.live.loadOlder().catch(() => undefined);
		else if (what === "race") {
			const bottom = at.live.state.items.at(-1)?.id;
			const below = posts().find((id) => bottom !== undefined && id < bottom);
			void at.live.loadOlder().catch(() => undefined);
			if (bottom === undefined || below === undefined) continue;
			later(ms, () => service.deliver(service.commitAt(ms, bottom, late)));
			if (late % 2) later(ms / 2, () => service.toggle(below));
			await clock.pass(late % 300);
		} else if (what === "show") at.live.show();
		else if (what === "retie") service.retie(author);
		else if (what === "trim") service.trim(kept);
		else if (what === "drop") {
			service.drop();
			later(3000, () => service.built());
		} else if (what === "restart-service") network.restart();
		else if (what === "restart" || what === "crash") at.restart(what === "crash");
		else if (what === "offline") at.way.up = false;
		else if (what === "online") at.way.up = true;
		else if (what === "faults" && next) network.faults = next;
		else if (what === "wait") await clock.pass(ms);
	}
	network.faults = FAULTLESS;
	for (const { way } of devices) way.up = true;
	service.built();
	// Whatever was lost before is followed by something.
	service.deliver(service.commit(0, 0));
	// Until the longest wait between tries is over.
	await clock.pass(400_000);
	if (network.signedOut > 0) wrong.push("a session was ended");
	for (const { live } of devices) {
		wrong.push(...differences(live, service));
		for (let pages = 0; live.state.hasOlder && pages < 50; pages++) {
			const older = live.loadOlder().catch((error) => wrong.push(`older: ${error}`));
			await clock.pass(1000);
			await older;
		}
		if (live.state.hasOlder) wrong.push("there is no end");
		wrong.push(...differences(live, service));
		if (live.state.items.length !== service.feed.length) wrong.push("the end is not the service's");
		live.close();
	}
	await clock.pass(400_000);
	return wrong;
}

/** What a device shows that is not exactly the service's feed, as far as it holds it. */
function differences(live: LiveFeed, service: ModelService): string[] {
	const { status, items, seq, building, marker } = live.state;
	const shown = items.map(({ id, text }) => `${id} ${text}`);
	const there = service.feed.slice(0, items.length).map((id) => `${id} ${service.view(id).text}`);
	const { postId, unreadCount } = service.marker;
	const pairs: [what: string, found: unknown, wanted: unknown][] = [
		["status", status, "live"],
		["seq", seq, service.seq],
		["building", building, false],
		["items", shown, there],
		["marker", marker, { postId, unreadCount }],
	];
	return pairs.flatMap(([what, found, wanted]) => {
		const [is, was] = [JSON.stringify(found), JSON.stringify(wanted)];
		return is === was ? [] : [`${what} is ${is}, not ${was}`];
	});
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Entry, nextStep, verdictOf } from "../../sdk/src/outbox-entry.ts";
import { Device, type Fate, Tab } from "./outbox-world.ts";

/** `npm run histories` plays five thousand. */
const { process } = globalThis as { process?: { env: Record<string, string | undefined> } };
const RUNS = Math.ceil(Number(process?.env.HISTORIES ?? 600) / 2);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Act =
	| { do: "add"; kind: "post" | "comment" | "photo" | "refused"; tab: number; same: boolean }
	| { do: "edit" | "cancel" | "retry"; which: number; tab: number }
	| { do: "network" }
	| { do: "crash"; tab: number }
	| { do: "open" }
	| { do: "wait"; milliseconds: number };

const tab = fc.nat(1);
const fate: fc.Arbitrary<Fate> = fc.record({
	arrives: fc.boolean(),
	late: fc.constantFrom(0, 0, 3, 20),
	answered: fc.boolean(),
	fails: fc.constantFrom<(0 | 1 | 2)[]>(0, 0, 0, 1, 2),
});
const act: fc.Arbitrary<Act> = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.record({
			do: fc.constant("add" as const),
			kind: fc.constantFrom("post" as const, "post" as const, "comment" as const, "photo" as const, "refused" as const),
			tab,
			same: fc.boolean(),
		}),
	},
	{
		weight: 2,
		arbitrary: fc.record({
			do: fc.constantFrom("edit" as const, "cancel" as const, "retry" as const),
			which: fc.nat(20),
			tab,
		}),
	},
	{ weight: 2, arbitrary: fc.constant({ do: "network" as const }) },
	{ weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), tab }) },
	{ weight: 1, arbitrary: fc.constant({ do: "open" as const }) },
	{
		weight: 4,
		arbitrary: fc.record({
			do: fc.constant("wait" as const),
			milliseconds: fc.constantFrom(0, 3, 49, 52, 60, 500, 5000, MINUTE, HOUR, 25 * HOUR),
		}),
	},
);

/** What somebody made, as far as she was told that it is kept. */
interface Made {
	id: string;
	text: string;
	parentId: string | null;
	/** She was told that it is cancelled. */
	cancelled: boolean;
	/** She tried, and the tab died before she was told. */
	unsure: boolean;
	/** What it said before edits of which she was not told that they are kept. */
	maybe: string[];
}

async function play(acts: Act[], fates: Fate[]): Promise<void> {
	const device = new Device();
	device.fates = [...fates];
	const tabs: (Tab | undefined)[] = [new Tab(device)];
	const made: Made[] = [];
	/** Of which nobody knows whether they were kept: the tab died at it. */
	const begun: string[] = [];
	let count = 0;
	for (const each of acts) {
		switch (each.do) {
			case "add": {
				const { outbox } = tabs[each.tab] ?? {};
				if (!outbox) break;
				const text = `${each.kind === "refused" ? "refuse " : ""}text ${each.same ? "again" : ++count}`;
				const parentId = each.kind === "comment" ? "a post" : null;
				const media = each.kind === "photo" ? [{ source: new Uint8Array(3), type: "image/png" }] : [];
				begun.push(text);
				void outbox.add({ text, parentId, media }).then(({ id }) => {
					begun.splice(begun.indexOf(text), 1);
					made.push({ id, text, parentId, cancelled: false, unsure: false, maybe: [] });
				});
				break;
			}
			case "edit":
			case "cancel":
			case "retry": {
				const entry = made[each.which % Math.max(made.length, 1)];
				const { outbox } = tabs[each.tab] ?? {};
				// One can only do something to what is still shown.
				if (!entry || !outbox?.state.items.some(({ id }) => id === entry.id)) break;
				if (each.do === "retry") void outbox.retry(entry.id);
				if (each.do === "cancel") {
					entry.unsure = true;
					void outbox.cancel(entry.id).then((cancelled) => {
						if (cancelled) entry.cancelled = true;
						else if (!entry.cancelled) entry.unsure = false;
					});
				}
				if (each.do === "edit") {
					const text = `${entry.text} edited ${++count}`;
					entry.maybe.push(text);
					void outbox.edit(entry.id, { text }).then((changed) => {
						if (changed) entry.text = text;
						else entry.maybe.splice(entry.maybe.indexOf(text), 1);
					});
				}
				break;
			}
			case "network":
				device.online = !device.online;
				if (device.online) for (const tab of device.tabs) tab.outbox.wake();
				break;
			case "crash":
				tabs[each.tab]?.crash();
				tabs[each.tab] = undefined;
				break;
			case "open":
				tabs[tabs[0] ? 1 : 0] ??= new Tab(device);
				break;
			case "wait":
				await device.run(each.milliseconds);
		}
		await device.run(2);
	}
	await settle(device, tabs);
	judge(device, made, begun);
}

/** A good network for an hour, in one tab that was opened anew. */
async function settle(device: Device, tabs: (Tab | undefined)[]): Promise<void> {
	device.fates = [];
	device.online = true;
	for (const tab of tabs) tab?.crash();
	const last = new Tab(device);
	await device.run(HOUR);
	const left = last.outbox.state.items.filter(({ content }) => !content.text.includes("refuse"));
	expect(left, "what waits for nothing").toEqual([]);
	for (const { status, problem } of last.outbox.state.items) {
		expect(status).toBe("failed");
		expect(problem?.code).toBe("invalid_request");
	}
}

function judge(device: Device, made: Made[], begun: string[]): void {
	const posts = device.service.live.map(({ text, parentId }) => `${parentId ?? ""}:${text}`);
	const count = (text: string) => posts.filter((each) => each.slice(each.indexOf(":") + 1) === text).length;
	const sure = made.filter(({ text, unsure, maybe }) => !unsure && maybe.length === 0 && !text.includes("refuse"));
	const texts = new Set(made.map(({ text }) => text));
	for (const text of texts) {
		if (text.includes("refuse")) expect(count(text)).toBe(0);
		const least = sure.filter((each) => each.text === text).length;
		const most = made.filter((each) => each.text === text && !each.cancelled).length;
		const unknown = begun.filter((each) => each === text).length;
		const earlier = made.filter((each) => each.text !== text && each.maybe.includes(text)).length;
		expect(count(text), `times "${text}"`).toBeGreaterThanOrEqual(least);
		expect(count(text), `times "${text}"`).toBeLessThanOrEqual(most + unknown + earlier);
	}
	for (const { cancelled, maybe, text, unsure } of made) {
		if (unsure || maybe.length === 0 || text.includes("refuse") || cancelled) continue;
		// An edit that was acknowledged is there; one that was not may be.
		const ends = [text, ...maybe.slice(maybe.indexOf(text) + 1)];
		// What others say as well was counted above.
		if (ends.some((end) => end.endsWith("again"))) continue;
		expect(
			ends.reduce((sum, each) => sum + count(each), 0),
			`"${text}" after its edits`,
		).toBe(1);
	}
	const order = posts.map((each) => each.slice(each.indexOf(":") + 1));
	const plain = sure.filter(({ text }) => !text.endsWith("again")).sort((a, b) => (a.id < b.id ? -1 : 1));
	for (const lane of [plain.filter(isComment), plain.filter((each) => !isComment(each))]) {
		const positions = lane.map(({ text }) => order.indexOf(text));
		expect(positions, "in the order of their making").toEqual([...positions].sort((a, b) => a - b));
	}
}

const isComment = ({ parentId }: Made) => parentId !== null;

describe("the outbox", () => {
	it("brings everything that it has accepted to the service once, in order, whatever fails on the way", async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.array(act, { minLength: 1, maxLength: 30 }),
				fc.array(fate, { maxLength: 40 }),
				async (acts, fates) => play(acts, fates),
			),
			{ numRuns: RUNS },
		);
	}, 120_000);

	it("keeps what it holds of photos only as long as it needs them", async () => {
		const device = new Device();
		const tab = new Tab(device);
		device.online = false;
		const added = tab.outbox.add({ text: "a photo", media: [{ source: new Uint8Array(3), type: "image/png" }] });
		await device.run(1000);
		await added;
		expect(await device.blobs.keys()).toHaveLength(1);
		expect(tab.outbox.state.items).toMatchObject([{ status: "waiting", progress: 0 }]);
		device.online = true;
		tab.outbox.wake();
		await device.run(MINUTE);
		expect(device.service.live).toMatchObject([{ text: "a photo" }]);
		expect(await device.blobs.keys()).toEqual([]);
		expect((await device.storage.keys()).filter((key) => key.includes("/entry/"))).toEqual([]);
	});

	it("lets comments go while a video is uploaded for a post that was made before them", async () => {
		const device = new Device();
		const { outbox } = new Tab(device);
		device.uploadLasts = HOUR;
		void outbox.add({ text: "a video", media: [{ source: new Uint8Array(3), type: "video/mp4" }] });
		await device.run(1000);
		void outbox.add({ text: "first", parentId: "a post" });
		void outbox.add({ text: "second", parentId: "a post" });
		void outbox.add({ text: "another post" });
		await device.run(MINUTE);
		expect(device.service.live.map(({ text }) => text)).toEqual(["first", "second"]);
		expect(outbox.state.items.map(({ status }) => status)).toEqual(["sending", "waiting"]);
		await device.run(HOUR);
		expect(device.service.live.map(({ text }) => text)).toEqual(["first", "second", "a video", "another post"]);
	});

	it("sets aside what the service fails at again and again, and brings it when it is asked to", async () => {
		const device = new Device();
		const tab = new Tab(device);
		const { outbox } = tab;
		device.poison = "poison";
		void outbox.add({ text: "poison" });
		await device.run(100);
		void outbox.add({ text: "another" });
		await device.run(2 * HOUR);
		expect(device.service.live.map(({ text }) => text)).toEqual(["another"]);
		expect(outbox.state.items).toMatchObject([{ status: "failed", problem: { code: "internal_error", status: 500 } }]);
		device.poison = undefined;
		void outbox.retry(outbox.state.items[0]?.id ?? "");
		await device.run(MINUTE);
		expect(device.service.live.map(({ text }) => text)).toEqual(["another", "poison"]);
		expect(outbox.state.items).toEqual([]);
	});

	it("posts what was edited while it was known that there is no network, and not what it said before", async () => {
		const device = new Device();
		const { outbox } = new Tab(device);
		device.knows = true;
		device.online = false;
		const added = outbox.add({ text: "before" });
		await device.run(10 * MINUTE);
		void outbox.edit((await added).id, { text: "after" });
		await device.run(MINUTE);
		device.online = true;
		outbox.wake();
		await device.run(MINUTE);
		expect(device.service.posts).toMatchObject([{ text: "after" }]);
		expect([...device.service.keys.values()]).toHaveLength(1);
		expect([...device.service.keys.values()][0]?.request).toContain("after");
	});

	it("drops a draft of which an entry was made, though the app died in between", async () => {
		const device = new Device();
		const tab = new Tab(device);
		device.online = false;
		await device.run(100);
		const kept = tab.outbox.keepDraft({ id: "draft", text: "begun", media: [] });
		await device.run(100);
		await kept;
		void tab.outbox.add({ text: "begun", draftId: "draft" });
		// The entry is written, and the draft is not yet deleted.
		for (let step = 0; step < 20; step++) {
			await device.run(1);
			if ((await device.storage.keys()).some((key) => key.includes("/entry/"))) break;
		}
		expect(await device.storage.get("outbox/me/draft")).toBeTruthy();
		tab.crash();
		const next = new Tab(device);
		await device.run(100);
		const draft = next.outbox.draft();
		await device.run(100);
		expect(await draft).toBeNull();
		expect(next.outbox.state.items).toHaveLength(1);
	});

	it("goes with the account: all of it is deleted, or nothing is sent for another", async () => {
		const device = new Device();
		const tab = new Tab(device);
		device.online = false;
		void tab.outbox.add({ text: "mine", media: [{ source: new Uint8Array(3), type: "image/png" }] });
		await device.run(1000);
		void tab.outbox.open("somebody else");
		device.online = true;
		await device.run(MINUTE);
		expect(device.service.live).toEqual([]);
		expect(tab.outbox.state.items).toEqual([]);
		void tab.outbox.clear("me");
		await device.run(MINUTE);
		expect(await device.storage.keys()).toEqual([]);
		expect(await device.blobs.keys()).toEqual([]);
	});
});

describe("what is next for an entry", () => {
	const entry: Entry = {
		id: "1",
		parentId: null,
		content: { text: "hello", media: [] },
		revision: 0,
		key: "key",
		createdAt: 0,
		draftId: null,
		attempt: null,
		made: null,
		cancelled: false,
		refused: null,
		faults: 0,
		uploadsAgain: 0,
	};
	const attempt = { body: { text: "hello" }, revision: 0, firstAt: 0, lastAt: 0, forgotten: false };

	it("repeats an attempt as it was, and edits after", () => {
		const changed = { ...entry, attempt, revision: 1, content: { text: "changed", media: [] } };
		expect(nextStep(changed, MINUTE)).toEqual({ do: "send", body: { text: "hello" } });
		const made = { ...changed, attempt: null, made: { id: "7", revision: 0 } };
		expect(nextStep(made, MINUTE)).toEqual({ do: "edit", id: "7", body: { text: "changed" }, revision: 1 });
	});

	it("looks for what may have become of an attempt before its key is used after a day", () => {
		expect(nextStep({ ...entry, attempt }, 22 * HOUR)).toMatchObject({ do: "send" });
		expect(nextStep({ ...entry, attempt }, 24 * HOUR)).toMatchObject({ do: "look" });
		expect(nextStep({ ...entry, attempt: { ...attempt, lastAt: 24 * HOUR } }, 24 * HOUR)).toMatchObject({ do: "wait" });
	});

	it("never sends what was cancelled", () => {
		expect(nextStep({ ...entry, cancelled: true }, 0)).toEqual({ do: "finish" });
		expect(nextStep({ ...entry, cancelled: true, attempt }, 0)).toMatchObject({ do: "wait" });
		expect(nextStep({ ...entry, cancelled: true, made: { id: "7", revision: 0 } }, 0)).toEqual({
			do: "delete",
			id: "7",
		});
	});

	it("tells what passes from what does not", () => {
		const verdict = (status: number, code = "some_code") => verdictOf({ status, code });
		expect([0, 401, 408, 429].map((status) => verdict(status))).toEqual(["again", "again", "again", "again"]);
		expect(verdict(503)).toBe("fault");
		expect([400, 403, 413, 422].map((status) => verdict(status))).toEqual(Array(4).fill("refused"));
		expect(verdict(404)).toBe("gone");
		expect(verdict(404, "media_not_found")).toBe("media-gone");
		expect(verdict(422, "idempotency_key_reused")).toBe("forgotten");
	});
});

/** Posts, comments and likes. */
import type { Audience } from "../scripts/network.ts";
import type { Teller } from "../scripts/stories.ts";
import type { Id } from "../src/store/ids.ts";
import type { Answer } from "./api.ts";
import type { Load } from "./load.ts";
import { Model, type Person, type Story, width } from "./model.ts";

const DATABASES = ["SHARD_0", "SHARD_1"] as const;

/** Posts race with everything else: nothing is held while one is on its way. */
export async function publish(load: Load, random: Teller): Promise<void> {
	const { api, model, findings } = load;
	const who = random.pick(model.people);
	const serial = ++load.serial;
	const text = `${serial}: ${random.story("en").slice(0, 80)}`;
	const audience = pickAudience(random);
	const answer = await api.ask<{ id: Id; text: string }>(who, "POST", "/v1/posts", {
		body: { text, audience },
		key: `post-${serial}`,
	});
	if (answer.status !== 201) return refused(load, "a post", answer);
	load.written++;
	const { id } = answer.body;
	if (model.stories.has(id)) findings.add("duplicated", `two posts were acknowledged as ${id}`);
	model.stories.set(id, story({ id, author: who.id, text, audience }));
	if (!answer.headers.has("x-feed-seq") || random.fraction() > 0.2) return;
	await load.locks.hold([id], async () => {
		const feed = await api.read<{ items: { id: Id }[]; building: boolean }>(who, "/v1/feed?limit=100");
		// A page may be incomplete when it says so.
		if (!feed.building && !feed.items.some((item) => item.id === id))
			findings.add("lost", `${who.username} does not see her own post ${id} at once`);
	});
}

export async function edit(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const found = pickStory(load, random);
	const who = found && person(model, found.author);
	if (!found || !who || !model.maySee(found.author, found)) return;
	await load.locks.hold(locksOf(model, found, who.id), async () => {
		const text = random.fraction() < 0.8 ? `${++load.serial}: edited` : undefined;
		const wide = found.root === undefined && (text === undefined || random.fraction() < 0.2);
		const audience = wide ? pickAudience(random) : undefined;
		const body = { ...(text ? { text } : {}), ...(audience ? { audience } : {}) };
		const answer = await api.ask(who, "PATCH", `/v1/posts/${found.id}`, { body });
		if (answer.status !== 200) {
			if (!(await settled(load, found, answer))) return;
			const [row] = await rows<{ text: string }>(load, "SELECT text FROM posts WHERE id = ?", found.id);
			if (row?.text !== text) return;
		}
		load.written++;
		if (text && text !== found.text) found.before.push(found.text);
		found.text = text ?? found.text;
		found.audience = audience ?? found.audience;
		if (width(found.audience) < width(found.widest)) found.widest = found.audience;
	});
}

/** Now and then somebody comments at the same moment: whoever comes first, nothing is left of it. */
export async function remove(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const found = pickStory(load, random);
	const who = found && person(model, found.author);
	if (!found || !who || found.root !== undefined) return;
	const witness = random.fraction() < 0.3 ? pickViewer(load, random, found) : undefined;
	await load.locks.hold(locksOf(model, found, witness?.id ?? who.id), async () => {
		const [answer] = await Promise.all([
			api.ask(who, "DELETE", `/v1/posts/${found.id}`),
			witness &&
				api.ask(witness, "POST", `/v1/posts/${found.id}/comments`, {
					body: { text: "too late" },
					key: `late-${++load.serial}`,
				}),
		]);
		if (answer.status !== 204 && !(answer.unsure && answer.status === 404)) return refused(load, "a deletion", answer);
		load.written++;
		model.remove(found.id);
	});
}

export async function comment(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const found = pickStory(load, random);
	const who = found && pickViewer(load, random, found);
	if (!found || !who) return;
	await load.locks.hold(locksOf(model, found, who.id), async () => {
		const serial = ++load.serial;
		const text = `${serial}: a comment`;
		const answer = await api.ask<{ id: Id }>(who, "POST", `/v1/posts/${found.id}/comments`, {
			body: { text },
			key: `comment-${serial}`,
		});
		let id: Id | undefined = answer.body.id;
		if (answer.status !== 201) {
			if (!(await settled(load, found, answer))) return;
			const made = await rows<{ id: Id }>(load, "SELECT id FROM posts WHERE text = ?", text);
			id = made[0]?.id;
			if (id === undefined) return;
		}
		load.written++;
		const { audience, root = found.id } = found;
		model.stories.set(id, story({ id, author: who.id, text, audience, parent: found.id, root }));
	});
}

export async function removeComment(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const found = pickStory(load, random, (each) => each.root !== undefined);
	const post = found?.root && model.stories.get(found.root);
	if (!found || !post) return;
	const who = person(model, random.fraction() < 0.7 ? found.author : post.author);
	if (!who || !model.maySee(who.id, found)) return;
	await load.locks.hold(locksOf(model, found, who.id), async () => {
		const answer = await api.ask(who, "DELETE", `/v1/posts/${found.id}`);
		if (answer.status !== 204) {
			if (!(await settled(load, found, answer))) return;
			if ((await rows(load, "SELECT id FROM posts WHERE id = ?", found.id)).length > 0) return;
		}
		load.written++;
		model.remove(found.id);
	});
}

/** Several at once, as the counters must stand it. */
export async function like(load: Load, random: Teller): Promise<void> {
	const { api, model } = load;
	const found = pickStory(load, random);
	const people = found ? Array.from({ length: 1 + random.int(3) }, () => pickViewer(load, random, found)) : [];
	const viewers = [...new Set(people.filter((who) => who !== undefined))];
	if (!found || viewers.length === 0) return;
	const locks = [...new Set(viewers.flatMap((who) => locksOf(model, found, who.id)))];
	await load.locks.hold(locks, async () => {
		await Promise.all(
			viewers.map(async (who) => {
				const likes = !found.likes.has(who.id);
				const answer = await api.ask(who, likes ? "PUT" : "DELETE", `/v1/posts/${found.id}/like`);
				if (answer.status !== 200) {
					if (!(await settled(load, found, answer))) return;
					const here = await rows(load, "SELECT 1 FROM likes WHERE post_id = ? AND account_id = ?", found.id, who.id);
					if (here.length > 0 !== likes) return;
				}
				load.written++;
				if (likes) found.likes.add(who.id);
				else found.likes.delete(who.id);
			}),
		);
	});
}

/**
 * A no to a request that is allowed: `post_not_found`, while one's own side of a tie that was changed a moment ago
 * is behind. @returns whether the truth must be read, because an earlier try may have succeeded.
 */
async function settled(load: Load, found: Story, answer: Answer<unknown>): Promise<boolean> {
	if (answer.status === 404) load.api.count("refused behind a tie");
	else refused(load, `a request about ${found.id}`, answer);
	return answer.unsure;
}

function refused({ findings }: Load, what: string, { status, body }: Answer<unknown>): void {
	findings.add("lost", `${what} was refused: ${status} ${JSON.stringify(body)}`);
}

async function rows<T>(load: Load, sql: string, ...values: string[]): Promise<T[]> {
	return (await Promise.all(DATABASES.map((name) => load.api.host.query<T>(name, sql, ...values)))).flat();
}

function story(parts: Pick<Story, "id" | "author" | "text" | "audience"> & Partial<Story>): Story {
	return { parent: undefined, root: undefined, widest: parts.audience, likes: new Set(), before: [], ...parts };
}

/** The thread, and the ties that decide whether it is seen. */
function locksOf(model: Model, { id, author, root = id }: Story, viewer: Id): string[] {
	const owner = model.stories.get(root)?.author ?? author;
	return [...new Set([root, Model.pair(viewer, author), Model.pair(viewer, owner)])];
}

function pickStory({ model }: Load, random: Teller, test: (story: Story) => boolean = () => true): Story | undefined {
	const all = [...model.stories.values()].filter(test);
	// Mostly new ones, as people do.
	return all.length === 0 ? undefined : random.fraction() < 0.7 ? random.pick(all.slice(-40)) : random.pick(all);
}

function pickViewer({ model }: Load, random: Teller, found: Story): Person | undefined {
	const viewers = model.people.filter(({ id }) => model.maySee(id, found));
	return viewers.length === 0 ? undefined : random.pick(viewers);
}

function person(model: Model, id: Id): Person | undefined {
	return model.people.find((who) => who.id === id);
}

function pickAudience(random: Teller): Audience {
	const chance = random.fraction();
	return chance < 0.6 ? "friends" : chance < 0.8 ? "public" : chance < 0.93 ? "followers" : "me";
}

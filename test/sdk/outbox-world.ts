import { memoryBlobs } from "../../sdk/src/blobs.ts";
import { Outbox } from "../../sdk/src/outbox.ts";
import { FAULTS, type SentBody } from "../../sdk/src/outbox-entry.ts";
import type { Channel, OutboxTransport } from "../../sdk/src/outbox-types.ts";
import { memoryStorage } from "../../sdk/src/storage.ts";

/** What becomes of a request: whether it arrives, how late, and whether its answer does. */
export interface Fate {
	arrives: boolean;
	/** Seconds, after the client has given it up when there is no answer. */
	late: number;
	answered: boolean;
	/** The service fails before it has done it (1), after (2), or not. */
	fails: 0 | 1 | 2;
}

const GOOD: Fate = { arrives: true, late: 0, answered: true, fails: 0 };
const HOUR = 3_600_000;
const ME = "me";

interface ServerPost {
	id: string;
	text: string;
	link: string | null;
	media: string[];
	parentId: string | null;
	createdAt: number;
	deleted: boolean;
}

/** A service with keys that it knows for a day, media that it sweeps after one, and a word that it does not like. */
export class Service {
	readonly posts: ServerPost[] = [];
	readonly keys = new Map<string, { request: string; post: ServerPost; at: number }>();
	readonly uploads = new Map<string, { at: number; post: string | null }>();

	create(parentId: string | null, body: SentBody, key: string, now: number): ServerPost {
		const request = JSON.stringify([parentId, body]);
		const known = this.keys.get(key);
		if (known && known.at > now - 24 * HOUR) {
			if (known.request !== request) throw problem(422, "idempotency_key_reused");
			return known.post;
		}
		if (body.text.includes("refuse")) throw problem(400, "invalid_request");
		for (const id of body.media ?? []) {
			const upload = this.uploads.get(id);
			if (!upload || (upload.post === null && upload.at < now - 24 * HOUR)) throw problem(404, "media_not_found");
		}
		const id = String(this.posts.length).padStart(6, "0");
		const { text, link = null, media = [] } = body;
		const post = { id, text, link, media, parentId, createdAt: now, deleted: false };
		for (const each of media) this.uploads.set(each, { at: now, post: id });
		this.posts.push(post);
		this.keys.set(key, { request, post, at: now });
		return post;
	}

	get live(): ServerPost[] {
		return this.posts.filter(({ deleted }) => !deleted);
	}
}

/** A device with its storage, which outlives its tabs; and a clock that everything goes by. */
export class Device {
	readonly service = new Service();
	readonly storage = memoryStorage();
	readonly blobs = memoryBlobs();
	online = true;
	/** Whether it can tell that it is not. */
	knows = false;
	now = Date.parse("2026-11-21T12:00:00Z");
	fates: Fate[] = [];
	/** A text at which the service fails. */
	poison: string | undefined;
	/** Milliseconds. */
	uploadLasts = 0;
	readonly #agenda: { at: number; order: number; run: () => void }[] = [];
	readonly #locks = new Map<string, { tab: Tab; start: () => void }[]>();
	readonly tabs = new Set<Tab>();
	#order = 0;
	#faults = 0;

	later(milliseconds: number, run: () => void): () => void {
		const item = { at: this.now + milliseconds, order: this.#order++, run };
		this.#agenda.push(item);
		return () => {
			const index = this.#agenda.indexOf(item);
			if (index >= 0) this.#agenda.splice(index, 1);
		};
	}

	pass(milliseconds: number): Promise<void> {
		return new Promise((resolve) => this.later(milliseconds, resolve));
	}

	/** Lets time go by; what is due happens in its order. */
	async run(milliseconds: number): Promise<void> {
		const until = this.now + milliseconds;
		for (;;) {
			await quiet();
			this.#agenda.sort((a, b) => a.at - b.at || a.order - b.order);
			const next = this.#agenda[0];
			if (!next || next.at > until) break;
			this.#agenda.shift();
			this.now = Math.max(this.now, next.at);
			next.run();
		}
		this.now = until;
	}

	fate(): Fate {
		if (!this.online) return { arrives: false, late: 0, answered: false, fails: 0 };
		const fate = this.fates.shift() ?? GOOD;
		if (fate.fails === 0) return fate;
		// An entry at which the service fails too often is set aside: that has a test of its own.
		return ++this.#faults < FAULTS ? fate : { ...fate, fails: 0 };
	}

	async lock<T>(tab: Tab, name: string, run: () => Promise<T>): Promise<T> {
		const queue = this.#locks.get(name) ?? [];
		this.#locks.set(name, queue);
		await new Promise<void>((resolve) => {
			queue.push({ tab, start: resolve });
			if (queue.length === 1) resolve();
		});
		// It was given the lock, and died before it could do anything with it.
		if (!tab.alive) return new Promise(() => {});
		try {
			return await run();
		} finally {
			if (tab.alive) this.#release(queue);
		}
	}

	/** The browser gives the locks of a tab that is gone to the next ones. */
	freeLocks(tab: Tab): void {
		for (const queue of this.#locks.values()) {
			const held = queue[0]?.tab === tab;
			for (let index = queue.length - 1; index > 0; index--) if (queue[index]?.tab === tab) queue.splice(index, 1);
			if (held) this.#release(queue);
		}
	}

	#release(queue: { start: () => void }[]): void {
		queue.shift();
		queue[0]?.start();
	}
}

/** A tab: whatever it waits for never comes once it is gone. */
export class Tab {
	readonly outbox: Outbox<ServerPost>;
	alive = true;
	readonly #device: Device;
	readonly #channel: Channel;

	constructor(device: Device) {
		this.#device = device;
		device.tabs.add(this);
		this.#channel = {
			onmessage: null,
			close() {},
			postMessage: (data) => {
				for (const other of device.tabs)
					if (other !== this)
						device.later(1, () => other.alive && other.#channel.onmessage?.({ data: structuredClone(data) }));
			},
		};
		const { blobs, storage } = device;
		this.outbox = new Outbox<ServerPost>({
			transport: this.#transport(),
			storage: {
				get: (key) => this.#while(() => storage.get(key)),
				set: (key, value) => this.#while(() => storage.set(key, value)),
				delete: (key) => this.#while(() => storage.delete(key)),
				keys: () => this.#while(() => storage.keys()),
			},
			blobs: {
				get: (key) => this.#while(() => blobs.get(key)),
				put: (key, source) => this.#while(() => blobs.put(key, source)),
				delete: (key) => this.#while(() => blobs.delete(key)),
				keys: () => this.#while(() => blobs.keys()),
			},
			locks: { request: (name, run) => this.#mortal(device.lock(this, name, run)) },
			channel: this.#channel,
			offline: () => device.knows && !device.online,
			now: () => device.now,
			random: Math.random,
			after: (milliseconds, run) => device.later(milliseconds, () => this.alive && run()),
			mintKey: () => `key-${minted++}`,
		});
		void this.outbox.open(ME);
	}

	/** The tab is closed, or its process dies: at whatever it is just doing. */
	crash(): void {
		this.alive = false;
		this.#device.tabs.delete(this);
		this.#device.freeLocks(this);
	}

	/** What goes on only while the tab lives; writes take a moment, after which they have happened or not. */
	#while<T>(run: () => Promise<T>): Promise<T> {
		return this.#mortal(
			(async () => {
				await this.#device.pass(1);
				return this.alive ? run() : new Promise<T>(() => {});
			})(),
		);
	}

	#mortal<T>(promise: Promise<T>): Promise<T> {
		return new Promise((resolve, reject) => {
			promise.then(
				(value) => this.alive && resolve(value),
				(error) => this.alive && reject(error),
			);
		});
	}

	/** A request: it may arrive although nobody hears of it, and later than its sender believes. */
	async #ask<T>(act: () => T, canBeLate = false): Promise<T> {
		const device = this.#device;
		const { arrives, late, answered, fails } = device.fate();
		await device.pass(50);
		const give = <V>(value: V | Promise<V>) => this.#mortal(Promise.resolve(value));
		if (!arrives) return give(Promise.reject(problem(0, "network_error")));
		if (fails === 1) return give(Promise.reject(problem(500, "internal_error")));
		if (answered && fails === 0) return give((async () => act())());
		const delay = canBeLate ? late * 1000 : 0;
		device.later(delay, () => {
			try {
				act();
			} catch {
				// Nobody hears of it.
			}
		});
		return give(Promise.reject(fails === 2 ? problem(500, "internal_error") : problem(0, "request_timed_out")));
	}

	#transport(): OutboxTransport<ServerPost> {
		const { service } = this.#device;
		const find = (id: string) => {
			const post = service.live.find((each) => each.id === id);
			if (!post) throw problem(404, "post_not_found");
			return post;
		};
		return {
			create: (parentId, body, key) =>
				this.#ask(() => {
					if (body.text === this.#device.poison) throw problem(500, "internal_error");
					return { post: { ...service.create(parentId, body, key, this.#device.now) }, seq: undefined };
				}, true),
			edit: (id, { text, link = null, media = [] }) =>
				this.#ask(() => ({ post: { ...Object.assign(find(id), { text, link, media }) }, seq: undefined })),
			remove: (id) =>
				this.#ask(() => {
					find(id).deleted = true;
				}),
			madeSince: (parentId, since) =>
				this.#ask(() => service.live.filter((post) => post.parentId === parentId && post.createdAt >= since).reverse()),
			upload: async (_media, key) => {
				if (this.#device.uploadLasts > 0) await this.#device.pass(this.#device.uploadLasts);
				return this.#ask(() => {
					const id = `media-of-${key}`;
					const known = service.uploads.get(id);
					const gone = !known || (known.post === null && known.at < this.#device.now - 24 * HOUR);
					if (gone) service.uploads.set(id, { at: this.#device.now, post: null });
					return { id, alt: null };
				});
			},
			describe: () => this.#ask(() => undefined),
			forget: async () => undefined,
		};
	}
}

let minted = 0;

function problem(status: number, code: string): Error {
	return Object.assign(new Error(code), { status, code, title: code });
}

/** Everything that can go on without time going by has done so. */
async function quiet(): Promise<void> {
	for (let turn = 0; turn < 100; turn++) await null;
}

import type { BlobStore } from "./blobs.ts";
import type { Core } from "./core.ts";
import { mintKey } from "./keys.ts";
import { Outbox } from "./outbox.ts";
import type { Answered, Channel, OutboxTransport } from "./outbox-types.ts";
import type { Comments, Posts } from "./posts.ts";
import type { Post } from "./types.ts";
import { type Uploads, uploadHeld } from "./uploads.ts";

/** So many posts are looked through for one whose answer was lost. */
const LOOKED_THROUGH = 1000;

/** Milliseconds until the storage of who signs out is surely emptied. */
const EMPTIED = 2000;

interface Neighbours {
	posts: Posts;
	comments: Comments;
	uploads: Uploads;
	blobs: BlobStore | null;
}

/** The outbox of whoever is signed in. It sends when there may be a network: at the start, after a pause, when told. */
export function outboxOf(core: Core, neighbours: Neighbours): Outbox<Post> {
	const { platform, session, storage } = core;
	const here = globalThis as { navigator?: { onLine?: boolean } };
	/** What was told last, where the platform cannot be asked. */
	let told = false;
	const outbox = new Outbox<Post>({
		transport: outboxTransport(core, neighbours),
		storage,
		blobs: neighbours.blobs,
		locks: platform.locks,
		channel: channelOf("edgefeed outbox"),
		offline: () => (here.navigator?.onLine ?? !told) === false,
		now: platform.now,
		random: platform.random,
		after(milliseconds, run) {
			const timer = setTimeout(run, milliseconds);
			return () => clearTimeout(timer);
		},
		mintKey,
	});
	outbox.onSent(({ kind, post, seq }) => {
		if (post.parentId === null) core.written.emit({ postId: post.id, seq, kind, post });
	});
	const follow = async () => {
		await outbox.open(session.current?.accountId ?? null);
		await outbox.tidy();
		await dropOthers();
	};
	/** Who signs out has everything deleted; whose session has ended finds again what waits, with its photos. */
	const dropOthers = async () => {
		const keys = await storage.keys();
		for (const owner of new Set((await neighbours.blobs?.keys())?.map((key) => key.split("/")[0] ?? ""))) {
			const own = owner === session.current?.accountId;
			if (!own && !keys.some((key) => key.startsWith(`outbox/${owner}/`))) await outbox.clear(owner);
		}
	};
	const quietly = () => {
		void follow().catch(() => undefined);
		// Who hears of a sign-out while the storage is still being emptied looks again.
		if (!session.current) setTimeout(() => void dropOthers().catch(() => undefined), EMPTIED);
	};
	void session.ready.then(quietly);
	session.subscribe(quietly);
	platform.wakes((wake) => {
		told = wake === "offline";
		if (!told) outbox.wake();
	});
	return outbox;
}

/** Between the tabs of a page; where there are no pages there is nobody to tell. */
function channelOf(name: string): Channel | null {
	const { BroadcastChannel, document } = globalThis as {
		BroadcastChannel?: new (name: string) => Channel;
		document?: unknown;
	};
	return BroadcastChannel && document ? new BroadcastChannel(name) : null;
}

/** The outbox's way to the service: one attempt each, for it has patience of its own. */
export function outboxTransport(core: Core, { posts, comments, uploads, blobs }: Neighbours): OutboxTransport<Post> {
	const send = async (method: string, path: string, body: unknown, signal: AbortSignal, key?: string) => {
		const headers = new Headers({ "content-type": "application/json" });
		if (key !== undefined) headers.set("idempotency-key", key);
		const request = { method, url: core.baseUrl + path, headers, body: JSON.stringify(body), signal };
		return answerOf(await core.send(request, { retries: 0 }));
	};
	return {
		create: (parentId, body, key, signal) =>
			send("POST", parentId === null ? "/v1/posts" : `/v1/posts/${parentId}/comments`, body, signal, key),
		edit: (id, body, signal) => send("PATCH", `/v1/posts/${id}`, body, signal),
		remove: (id) => posts.delete(id),
		async madeSince(parentId, since, signal) {
			const account = core.session.current?.accountId ?? "";
			const found: Post[] = [];
			let looked = 0;
			for await (const post of parentId === null
				? posts.by.all(account, { signal })
				: comments.all(parentId, { signal })) {
				if (Date.parse(post.createdAt) < since || ++looked > LOOKED_THROUGH) break;
				if (post.author.id === account) found.push(post);
			}
			return found;
		},
		async upload(media, key, onProgress, signal) {
			if (!blobs) throw new Error("Media that are not uploaded want a blob store");
			return uploadHeld(uploads, blobs, media, key, onProgress, signal);
		},
		describe: (mediaId, alt, signal) => uploads.describe(mediaId, alt, { signal }),
		forget: (key) => uploads.forget(key),
	};
}

async function answerOf(response: Response): Promise<Answered<Post>> {
	const seq = response.headers.get("x-feed-seq");
	return { post: (await response.json()) as Post, seq: seq === null ? undefined : Number(seq) };
}

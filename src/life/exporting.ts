import type { AccountStore } from "../accounts/store.ts";
import { moment } from "../gateway/openapi.ts";
import { keyOf } from "../media/files.ts";
import { AVATAR, parseShown, WHOLE } from "../media/media.ts";
import type { MediaRow, MediaStore } from "../media/store.ts";
import { audienceAt } from "../posts/audience.ts";
import { type Id, timeOf } from "../store/ids.ts";
import { type Job, noteProgress, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import type { Timelines } from "../timeline/client.ts";
import type { Belongings, OwnPost, OwnRelation, OwnVersion } from "./belongings.ts";
import { type Exports, SECTIONS, type Section } from "./exports.ts";

export interface ExportingServices {
	database: D1Database;
	accounts: AccountStore;
	belongings: Belongings;
	exports: Exports;
	media: MediaStore;
	shards: Shards;
	timelines: Timelines;
}

/** Where an export has come to: kept in its outbox row. */
interface Progress {
	/** Which of {@link SECTIONS} is next. */
	section: number;
	/** Which database, where a section is on all of them. */
	place: number;
	/** The last key that was written; empty at the start. */
	after: string;
	parts: Partial<Record<Section, number>>;
}

const START: Progress = { section: 0, place: 0, after: "", parts: {} };

/** What a page found: items, and the key to go on from, or undefined at the end of its place. */
interface Page {
	items: unknown[];
	after: string | undefined;
}

/** Items of a part, and parts of one run. */
const PAGE = 200;
const PAGES = 20;

/**
 * Puts an account's archive together, part by part. A part is written before the progress behind it, under a name
 * that follows from the progress: whoever dies in between has it written again.
 */
export class Exporting {
	readonly #services: ExportingServices;

	constructor(services: ExportingServices) {
		this.#services = services;
	}

	/** @returns "more" when there is more to write than one run does */
	async run(start: Job<TaskOf<"export">>): Promise<"done" | "more"> {
		const { belongings, exports, shards } = this.#services;
		const { accountId: account } = start.task;
		const { id } = start;
		let job: Job<TaskOf<"export">> | undefined = start;
		for (let page = 0; page < PAGES; page++) {
			// Gone when the account is erased meanwhile.
			if ((await exports.find(account, id))?.state !== "making") {
				await belongings.finish(id);
				return "done";
			}
			const from: Progress = job.progress ? (JSON.parse(job.progress) as Progress) : START;
			const section = SECTIONS[from.section];
			if (section === undefined) {
				await exports.ready(id, from.parts);
				continue;
			}
			const { items, after } = await this.#read(section, account, from);
			const part = from.parts[section] ?? 0;
			const parts = items.length > 0 ? { ...from.parts, [section]: part + 1 } : from.parts;
			if (items.length > 0) {
				const text = items.map((item) => JSON.stringify(item)).join();
				await exports.put({ account, id }, section, part, text);
			}
			const next = after === undefined ? this.#after(section, from) : { ...from, after };
			job = await noteProgress(shards, job, JSON.stringify({ ...next, parts }));
			// Another run goes on with it.
			if (!job) return "done";
		}
		return "more";
	}

	/** The next database of a section that is on all of them, or the next section. */
	#after(section: Section, from: Progress): Progress {
		const everywhere = section === "comments" || section === "likes";
		const place = from.place + 1;
		return everywhere && place < this.#services.belongings.databases().length
			? { ...from, place, after: "" }
			: { ...from, section: from.section + 1, place: 0, after: "" };
	}

	async #read(section: Section, account: Id, { place, after }: Progress): Promise<Page> {
		const { accounts, belongings, media, timelines } = this.#services;
		switch (section) {
			case "account":
				return one(await this.#account(account));
			case "profile":
				return one(presentProfile(await accounts.own(account)));
			case "posts": {
				const posts = await belongings.posts(account, after, PAGE);
				const ids = posts.map(({ id }) => id);
				const versions = byPost(await belongings.ownVersions(account, ids));
				return page(
					posts,
					({ id }) => id,
					(post) => presentPost(post, versions),
				);
			}
			case "media": {
				const rows = await media.ofOwner(account, after, PAGE);
				return page(rows, ({ id }) => id, presentOwnMedia);
			}
			case "comments": {
				const database = belongings.databases()[place];
				const comments = database ? await belongings.comments(database, account, after, PAGE) : [];
				const ids = comments.map(({ id }) => id);
				const versions = byPost(database && ids.length > 0 ? await belongings.versions(database, ids) : []);
				return page(
					comments,
					({ id }) => id,
					(comment) => presentComment(comment, versions),
				);
			}
			case "likes": {
				const database = belongings.databases()[place];
				const likes = database ? await belongings.likes(database, account, after, PAGE) : [];
				return page(
					likes,
					({ postId }) => postId,
					({ postId, likedAt }) => ({ postId, likedAt: moment(likedAt) }),
				);
			}
			case "relations": {
				const relations = await belongings.relations(account, after, PAGE);
				return page(relations, ({ other }) => other, presentRelation);
			}
			case "marker": {
				const { postId } = await timelines.of(account).marker();
				return one(postId === null ? undefined : { postId });
			}
			case "sessions":
				return { items: await this.#sessions(account), after: undefined };
		}
	}

	async #account(account: Id): Promise<unknown> {
		const row = await this.#services.database
			.prepare("SELECT id, email, emailVerified, username, name, region, role, createdAt FROM user WHERE id = ?")
			.bind(account)
			.first<Record<string, unknown> & { emailVerified: number }>();
		return row ? { ...row, emailVerified: row.emailVerified === 1 } : undefined;
	}

	async #sessions(account: Id): Promise<unknown[]> {
		const { results } = await this.#services.database
			.prepare(
				"SELECT createdAt, updatedAt, expiresAt, ipAddress, userAgent FROM session WHERE userId = ? ORDER BY createdAt",
			)
			.bind(account)
			.all();
		return results;
	}
}

function one(item: unknown): Page {
	return { items: item === undefined ? [] : [item], after: undefined };
}

function page<T>(rows: readonly T[], key: (row: T) => string, present: (row: T) => unknown): Page {
	const last = rows.at(-1);
	return {
		items: rows.flatMap((row) => present(row) ?? []),
		after: last && rows.length === PAGE ? key(last) : undefined,
	};
}

function byPost(versions: readonly OwnVersion[]): Map<Id, unknown[]> {
	const found = new Map<Id, unknown[]>();
	for (const { postId, text, link, writtenAt } of versions) {
		found.set(postId, [...(found.get(postId) ?? []), { text, link, writtenAt: moment(writtenAt) }]);
	}
	return found;
}

type OwnProfile = Awaited<ReturnType<AccountStore["own"]>>;

function presentProfile(profile: OwnProfile): unknown {
	if (!profile) return undefined;
	const { username, displayName, bio, avatarUrl, region } = profile;
	const { friendCount, followerCount, followingCount, postCount } = profile;
	return { username, displayName, bio, avatarUrl, region, friendCount, followerCount, followingCount, postCount };
}

function presentPost(post: OwnPost, versions: ReadonlyMap<Id, unknown[]>): unknown {
	const { id, text, audience, link, likeCount, commentCount } = post;
	return {
		id,
		createdAt: moment(timeOf(id)),
		editedAt: orNull(post.editedAt),
		text,
		audience: audienceAt(audience),
		link,
		media: parseShown(post.media).map(({ id }) => id),
		likeCount,
		commentCount,
		versions: versions.get(id) ?? [],
	};
}

/** What is kept of it; what was given up or has come to nothing is left out. */
function presentOwnMedia(row: MediaRow): unknown {
	if (row.status !== "ready") return undefined;
	const { id, purpose, type, alt, width, height, duration, attachedTo } = row;
	return {
		id,
		purpose,
		type,
		createdAt: moment(timeOf(id)),
		alt,
		width,
		height,
		duration: duration === null ? null : duration / 1000,
		shownBy: attachedTo,
		file: keyOf(row, purpose === "avatar" ? AVATAR : WHOLE),
	};
}

function presentComment(comment: OwnPost, versions: ReadonlyMap<Id, unknown[]>): unknown {
	const { id, parentId, rootId, text, likeCount, commentCount } = comment;
	return {
		id,
		postId: rootId,
		parentId,
		createdAt: moment(timeOf(id)),
		editedAt: orNull(comment.editedAt),
		text,
		likeCount,
		commentCount,
		versions: versions.get(id) ?? [],
	};
}

/** As the owner may know it: who blocks her is nobody's to tell. A row with nothing in it is left out. */
function presentRelation(row: OwnRelation): unknown {
	const times = {
		friendSince: row.friendAt,
		requestedAt: row.requestedAt,
		requestedByAt: row.requestedByAt,
		followingSince: row.followingAt,
		followedBySince: row.followerAt,
		blockingSince: row.blockingAt,
		mutingSince: row.mutingAt,
		mutingUntil: row.mutingUntil,
	};
	const given = Object.entries(times).flatMap(([name, at]) => (at === null ? [] : [[name, moment(at)]]));
	return given.length > 0 ? { accountId: row.other, ...Object.fromEntries(given) } : undefined;
}

function orNull(at: number | null): string | null {
	return at === null ? null : moment(at);
}

import { noteWork } from "../log.ts";
import type { Id } from "../store/ids.ts";
import { done, type Job, loadJob, noteProgress, type TaskOf } from "../store/outbox.ts";
import type { Shards } from "../store/shards.ts";
import { resumeTrace } from "../trace.ts";
import type { PreviewMaker } from "./fetch.ts";
import { columnsOf, type Preview, type PreviewColumns } from "./preview.ts";
import { canonical } from "./previews.ts";
import type { PreviewStore } from "./store.ts";

/** The posts that links are of. `posts/` answers; previews come before it. */
export interface LinkedPosts {
	/** A post's link: undefined when there is no such post, or it has none. */
	linkOf(postId: Id): Promise<string | undefined>;
	/**
	 * Gives a post the preview of its link if that is still its link, promises to tell the timelines that have it, and
	 * crosses the job off, in one atomic batch.
	 */
	attach(postId: Id, link: string, preview: PreviewColumns, job: Id): Promise<void>;
}

export interface PreviewJobServices {
	shards: Shards;
	store: PreviewStore;
	maker: PreviewMaker;
	posts: LinkedPosts;
	now: () => number;
}

/** How often a page is asked that does not answer, a minute and then two apart: the sweeper rings. */
const TRIES = 3;

/** Finds out what links show, and puts it into the posts that have them. */
export class PreviewJobs {
	readonly #services: PreviewJobServices;

	constructor(services: PreviewJobServices) {
		this.#services = services;
	}

	/**
	 * Does a job, or what is left of it. A repeat finds the preview known, and the post as it should be.
	 *
	 * @returns "later" when somebody else is looking at the same address just now.
	 */
	async run(jobId: Id): Promise<"done" | "later"> {
		const job = await loadJob(this.#services.shards, jobId);
		if (!job || !isPreview(job)) return "done";
		return resumeTrace(job.task.trace, () => this.#run(job));
	}

	/** Looks at an address that a composer wants to know of. */
	async look(previewId: Id): Promise<void> {
		const url = await this.#services.store.addressOf(previewId);
		if (url !== undefined) await this.#found(url);
	}

	async #run(job: Job<TaskOf<"preview">>): Promise<"done" | "later"> {
		const { posts, shards } = this.#services;
		const { postId } = job.task;
		const link = await posts.linkOf(postId);
		if (link === undefined) {
			await shards.of(job.id).all(done(job.id));
			return "done";
		}
		const preview = await this.#found(canonical(link));
		if (preview === "pending") return "later";
		if (preview === "failed") {
			const tries = Number(job.progress ?? 0) + 1;
			if (tries < TRIES) {
				await noteProgress(shards, job, String(tries));
				return "done";
			}
		}
		await posts.attach(postId, link, columnsOf(preview === "failed" ? null : preview), job.id);
		return "done";
	}

	/** What an address shows, as it is known or as it turns out now. */
	async #found(url: string): Promise<Preview | null | "pending" | "failed"> {
		const { maker, now, store } = this.#services;
		const known = await store.known(url);
		if (known && known.state !== "pending") return read(known);
		if (!(await store.claim(url))) return "pending";
		const startedAt = now();
		const looked = await maker.look(url);
		await store.save(url, looked);
		const why = looked.state === "ready" ? undefined : looked.why;
		noteWork("preview", { state: looked.state, why, ms: now() - startedAt });
		return read(looked);
	}
}

function read(found: { state: "ready"; preview: Preview } | { state: "none" | "failed" }): Preview | null | "failed" {
	if (found.state === "failed") return "failed";
	return found.state === "ready" ? found.preview : null;
}

function isPreview(job: Job): job is Job<TaskOf<"preview">> {
	return job.task.kind === "preview";
}

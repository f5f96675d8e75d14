import { reportFailure } from "../report.ts";
import type { Id } from "../store/ids.ts";
import { traceparent } from "../trace.ts";
import { inTime } from "../within.ts";
import { refusalOf } from "./address.ts";
import type { PreviewMessage } from "./messages.ts";
import { columnsOf, NO_PREVIEW, type Preview, type PreviewColumns } from "./preview.ts";
import type { Known, PreviewStore } from "./store.ts";

export interface PreviewsOptions {
	store: PreviewStore;
	queue: Queue<PreviewMessage>;
	/** Hosts of this service. */
	own: ReadonlySet<string>;
	/** The one origin of the tests. */
	exempt: string | undefined;
	/** Whether links are looked at at all. */
	on: boolean;
}

/** What a composer is told. */
export type Answer = { status: "ready"; preview: Preview } | { status: "pending" | "none"; preview: null };

/** What a post is written with: `wanted` when its link has still to be looked at. */
export type ForPost = PreviewColumns & { wanted: boolean };

const NONE: Answer = { status: "none", preview: null };
/** Milliseconds that a post waits for what is known of its link, and a composer for the queue. */
const PATIENCE = 1000;

/** What is known of links, for who writes a post. Nothing is fetched here: the queue's consumer does that. */
export class Previews {
	readonly #options: PreviewsOptions;

	constructor(options: PreviewsOptions) {
		this.#options = options;
	}

	/**
	 * What to write into a post beside its link. Never fails: the job finds out what could not be asked.
	 *
	 * @param host that the request was sent to.
	 */
	async of(link: string | null | undefined, host: string | undefined): Promise<ForPost> {
		const url = this.#addressOf(link, host);
		if (url === undefined) return { ...NO_PREVIEW, wanted: false };
		const known = await this.#known(url);
		if (known?.state === "ready") return { ...columnsOf(known.preview), wanted: false };
		return { ...NO_PREVIEW, wanted: known?.state !== "none" };
	}

	/** What a composer can show, and if nothing is known, has it found out. */
	async ask(link: string, host: string | undefined): Promise<Answer> {
		const { store } = this.#options;
		const url = this.#addressOf(link, host);
		if (url === undefined) return NONE;
		const known = await store.known(url);
		if (known?.state === "ready") return { status: "ready", preview: known.preview };
		if (known && known.state !== "pending") return NONE;
		const previewId = known ? undefined : await store.want(url);
		if (previewId !== undefined) await this.#send({ v: 1, previewId, trace: traceparent() });
		return { status: "pending", preview: null };
	}

	/** Hands jobs on from the queue that the sweeper rings, so that pages that are slow hold up nothing else. */
	async pass(jobIds: readonly Id[]): Promise<void> {
		await this.#options.queue.sendBatch(jobIds.map((jobId) => ({ body: { v: 1, jobId, trace: traceparent() } })));
	}

	/** The one form of an address; undefined when it is not to be looked at. */
	#addressOf(link: string | null | undefined, host: string | undefined): string | undefined {
		const { exempt, on, own } = this.#options;
		if (!on || !link || !URL.canParse(link)) return undefined;
		const url = new URL(link);
		const refusal =
			url.origin === exempt ? undefined : refusalOf(url, host === undefined ? own : new Set([...own, host]));
		return refusal === undefined ? canonical(link) : undefined;
	}

	async #known(url: string): Promise<Known | undefined> {
		try {
			return await inTime(PATIENCE, this.#options.store.known(url), "the store takes too long");
		} catch (error) {
			reportFailure("a preview is left to its job", error);
			return undefined;
		}
	}

	/** A message that is lost is sent again by who asks again. */
	async #send(message: PreviewMessage): Promise<void> {
		try {
			await inTime(PATIENCE, this.#options.queue.send(message), "the queue takes too long");
		} catch (error) {
			reportFailure("nobody was told to look at a link", error);
		}
	}
}

/** An address as previews are kept by: what a server is never told, the fragment, makes no difference. */
export function canonical(link: string): string {
	const url = new URL(link);
	url.hash = "";
	return url.href;
}

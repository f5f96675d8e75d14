/** What is read, and from which caches: one row of the table each. */
import type { Id } from "../../src/store/ids.ts";
import type { Caches, Scene, Stage } from "./stage.ts";
import type { Request } from "./wrk.ts";

export interface Row {
	key: string;
	name: string;
	caches: Caches;
	/** At least so much of the constant route. */
	target: number | null;
	/** What a sample of the answers must say, or nothing is measured. */
	status: 200 | 304;
	cache: "HIT" | "MISS" | "ANY";
	/** Whether posts were at hand, or had to be read. */
	posts?: "KEPT" | "READ";
	requests: (stage: Stage, scene: Scene) => Promise<Request[]> | Request[];
}

const BOTH: Caches = { pages: true, shared: true };
const POSTS_ONLY: Caches = { pages: false, shared: true };
const NOTHING: Caches = { pages: false, shared: false };

const feeds = (viewers: readonly Id[]) => (stage: Stage) => viewers.map((viewer) => stage.as(viewer, "/v1/feed"));

/** In the order in which the Worker is opened for them: those with the same caches follow one another. */
export function rowsOf({ population }: Pick<Stage, "population">): Row[] {
	const { viewers, eager, wide, narrow, writers } = population;
	return [
		{
			key: "cached",
			name: "feed, page cached",
			caches: BOTH,
			target: 0.8,
			status: 200,
			cache: "HIT",
			requests: feeds(eager),
		},
		{
			key: "everyone",
			name: "feed of everybody in turn",
			caches: BOTH,
			target: null,
			status: 200,
			cache: "ANY",
			requests: feeds(viewers),
		},
		{
			key: "poll",
			name: "feed poll answered 304",
			caches: BOTH,
			target: 0.85,
			status: 304,
			cache: "HIT",
			requests: polls,
		},
		{
			key: "profile",
			name: "public profile page, anonymous, cached",
			caches: BOTH,
			target: 0.8,
			status: 200,
			cache: "HIT",
			requests: () => writers.map((id) => ({ path: `/v1/accounts/${id}/posts`, headers: {} })),
		},
		{
			key: "memory",
			name: "feed, page not cached, posts in memory",
			caches: POSTS_ONLY,
			target: 0.55,
			status: 200,
			cache: "MISS",
			posts: "KEPT",
			requests: feeds(eager),
		},
		{
			key: "wide",
			name: "feed with 5,000 friends, page not cached",
			caches: POSTS_ONLY,
			target: null,
			status: 200,
			cache: "MISS",
			requests: feeds(wide),
		},
		{
			key: "narrow",
			name: "feed with 50 friends, page not cached",
			caches: POSTS_ONLY,
			target: null,
			status: 200,
			cache: "MISS",
			requests: feeds(narrow),
		},
		{
			key: "nothing",
			name: "feed, nothing cached",
			caches: NOTHING,
			target: 0.2,
			status: 200,
			cache: "MISS",
			posts: "READ",
			requests: feeds(eager),
		},
	];
}

/** Viewers with the tag of the page that she has. */
async function polls(stage: Stage, scene: Scene): Promise<Request[]> {
	const requests: Request[] = [];
	for (const { path, headers } of feeds(stage.population.eager)(stage)) {
		const response = await scene.get({ path, headers });
		await response.arrayBuffer();
		const tag = response.headers.get("etag");
		if (tag === null) throw new Error("GET /v1/feed answers without an ETag");
		requests.push({ path, headers: { ...headers, "if-none-match": tag } });
	}
	return requests;
}

/** The Worker as it is, with what the benchmarks compare it with beside it: built only by `npm run bench`. */
import type { Env } from "../../src/env.ts";
import worker from "../../src/index.ts";
import { ReactionsObject } from "../../src/posts/reactions.ts";
import { perEnvironment, servicesOf } from "../../src/services.ts";
import { TimelineObject } from "../../src/timeline/object.ts";
import { makeRoom, noteAwake, putAllToSleep, takePaused } from "./awake.ts";
import { BARE_QUEUE, type BareEnv, bareApp, insertEverywhere } from "./bare.ts";
import { constantApp } from "./constant.ts";
import { countDatabases, countObject, counts, resetCounts } from "./counting.ts";
import { likeNaively, takeLikeBatches, watchedLikes } from "./likes.ts";
import { finished, stopwatch } from "./stopwatch.ts";
import { cannedSource, warm } from "./warm.ts";

export { Channel, Grid } from "../../src/index.ts";
export { Bare } from "./bare.ts";

/** What the class below adds. */
type Sleeper = { sleep(): Promise<void>; bytes(): Promise<number> };
type BenchEnv = Env & BareEnv;

/** Counting costs time, so it is done only where nothing is timed. The same environment each time: services are kept by it. */
const counted = perEnvironment((env) => (env.BENCH_COUNTS === "1" ? countDatabases(env) : env));

/** While it is so, what the queues bring is left for later. */
let held = false;

export default {
	async fetch(request, env, ctx) {
		if (!request.url.includes("/__bench/")) {
			counts().workerRequests++;
			return worker.fetch(request as Parameters<typeof worker.fetch>[0], counted(env), ctx);
		}
		const { pathname } = new URL(request.url);
		switch (pathname) {
			case "/__bench/finished":
				return Response.json({ queues: finished(), paused: takePaused() });
			case "/__bench/counts":
				if (request.method === "DELETE") resetCounts();
				return Response.json(counts());
			case "/__bench/warm":
				await warm(env, await request.json());
				return new Response(null, { status: 204 });
			case "/__bench/bytes": {
				const { owner } = await request.json<{ owner: string }>();
				const bytes = await (env.TIMELINE.getByName(owner) as unknown as Sleeper).bytes();
				return Response.json({ bytes });
			}
			case "/__bench/hold":
				held = (await request.json<{ on: boolean }>()).on;
				return new Response(null, { status: 204 });
			case "/__bench/like-batches":
				return Response.json(takeLikeBatches());
			case "/__bench/naive-like":
				return Response.json(await likeNaively(counted(env), await request.json()));
			case "/__bench/sleep":
				await putAllToSleep();
				return new Response(null, { status: 204 });
		}
		if (pathname.startsWith("/__bench/constant/")) return constantApp.fetch(request as Request, env);
		return bareApp.fetch(request as Request, env);
	},
	async queue(batch, env) {
		while (held) await scheduler.wait(20);
		await makeRoom();
		const timed = stopwatch(batch);
		if (batch.queue === BARE_QUEUE) return insertEverywhere(env, timed);
		counts().workerRequests++;
		return worker.queue(timed, counted(env));
	},
	scheduled: (controller, env) => worker.scheduled(controller, counted(env)),
} satisfies ExportedHandler<BenchEnv>;

export class Timeline extends TimelineObject {
	constructor(ctx: DurableObjectState, env: Env) {
		if (env.BENCH_COUNTS === "1") countObject(ctx.storage);
		const { timeline } = servicesOf(counted(env));
		super(ctx, env, { ...timeline, source: cannedSource(timeline.source) });
		const { name = "" } = ctx.id;
		noteAwake(name, () => (env.TIMELINE.getByName(name) as unknown as Sleeper).sleep());
	}

	override async alarm(): Promise<void> {
		counts().objectRequests++;
		return super.alarm();
	}

	/** At once, not after ten idle seconds. */
	sleep(): void {
		this.ctx.abort("put to sleep by the benchmark");
	}

	bytes(): number {
		return this.ctx.storage.sql.databaseSize;
	}
}

export class Reactions extends ReactionsObject {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, env, watchedLikes(servicesOf(counted(env)).likes));
	}
}

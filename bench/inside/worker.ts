/** The Worker as it is, with what the benchmarks compare it with beside it: built only by `npm run bench`. */
import type { Env } from "../../src/env.ts";
import worker from "../../src/index.ts";
import { perEnvironment, servicesOf } from "../../src/services.ts";
import { TimelineObject } from "../../src/timeline/object.ts";
import { BARE_QUEUE, type BareEnv, bareApp, insertEverywhere } from "./bare.ts";
import { countDatabases, countObject, counts, resetCounts } from "./counting.ts";
import { finished, stopwatch } from "./stopwatch.ts";
import { cannedSource, warm } from "./warm.ts";

export { Bare } from "./bare.ts";

type BenchEnv = Env & BareEnv;

/** Counting costs time, so it is done only where nothing is timed. The same environment each time: services are kept by it. */
const counted = perEnvironment((env) => (env.BENCH_COUNTS === "1" ? countDatabases(env) : env));

let wakeUps = 0;
/** While it is so, what the queues bring is left for later. */
let held = false;

export default {
	async fetch(request, env, ctx) {
		const { pathname } = new URL(request.url);
		switch (pathname) {
			case "/__bench/finished":
				return Response.json({ ...finished(), wakeUps });
			case "/__bench/counts":
				if (request.method === "DELETE") resetCounts();
				return Response.json(counts());
			case "/__bench/warm":
				await warm(env, await request.json());
				return new Response(null, { status: 204 });
			case "/__bench/hold":
				held = (await request.json<{ on: boolean }>()).on;
				return new Response(null, { status: 204 });
			case "/__bench/reset":
				await reset(env, await request.json());
				return new Response(null, { status: 204 });
		}
		if (pathname.startsWith("/__bench/")) return bareApp.fetch(request as Request, env);
		counts().workerRequests++;
		return worker.fetch(request as Parameters<typeof worker.fetch>[0], counted(env), ctx);
	},
	async queue(batch, env) {
		while (held) await scheduler.wait(20);
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
		wakeUps++;
	}

	override async alarm(): Promise<void> {
		counts().objectRequests++;
		return super.alarm();
	}

	/** Puts the object to sleep at once; otherwise it takes ten idle seconds. */
	reset(): void {
		this.ctx.abort("put to sleep by the benchmark");
	}

	bytes(): number {
		return this.ctx.storage.sql.databaseSize;
	}
}

/** Puts timelines to sleep. */
async function reset(env: Env, owners: string[]): Promise<void> {
	await Promise.all(
		owners.map((owner) =>
			(env.TIMELINE.getByName(owner) as unknown as { reset(): Promise<void> }).reset().catch(() => undefined),
		),
	);
}

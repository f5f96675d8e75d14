import { createApp } from "./app.ts";
import { GridObject } from "./cache/embedded.ts";
import type { Env } from "./env.ts";
import { ChannelObject } from "./fanout/channel.ts";
import { consume } from "./fanout/consume.ts";
import { sweep } from "./fanout/sweep.ts";
import { ReactionsObject } from "./posts/reactions.ts";
import { consumePreviews } from "./previews/consume.ts";
import { reportFailure } from "./report.ts";
import { perEnvironment, servicesOf } from "./services.ts";
import { TimelineObject } from "./timeline/object.ts";

const appOf = perEnvironment((env) => createApp(servicesOf(env)));

export default {
	fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
	queue: (batch, env) => {
		const { fanout, previewConsumer } = servicesOf(env);
		return batch.queue.includes("previews") ? consumePreviews(previewConsumer, batch) : consume(fanout, batch);
	},
	scheduled: async (_controller, env) => {
		const { fanout, lives, exports, media, auditLog, mailer, names, previewStore, previewImages } = servicesOf(env);
		const now = Date.now();
		const rounds = [
			sweep(fanout, now),
			lives.sweep(now),
			exports.sweep(now),
			media.sweep(now),
			auditLog.sweep(now),
			mailer.sweep(),
			names.backfill(),
			previewStore.sweep(),
			previewImages.sweep(now, Math.random()),
		];
		for (const round of await Promise.allSettled<unknown>(rounds)) {
			if (round.status === "rejected") reportFailure("a round of the sweeper failed", round.reason);
		}
	},
} satisfies ExportedHandler<Env>;

/** The timeline object with what it reads: the store of this environment. */
export class Timeline extends TimelineObject {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, env, servicesOf(env).timeline);
	}
}

/** A part of the embedded data grid. */
export class Grid extends GridObject {}

/** A channel with the timelines that it tells. */
export class Channel extends ChannelObject {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, env, servicesOf(env).timelines);
	}
}

/** The likes of a logical shard with the store they are written to. */
export class Reactions extends ReactionsObject {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, env, servicesOf(env).likes);
	}
}

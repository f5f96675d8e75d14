import { createApp } from "./app.ts";
import type { Env } from "./env.ts";
import { consume } from "./fanout/consume.ts";
import { sweep } from "./fanout/sweep.ts";
import { servicesOf } from "./services.ts";
import { TimelineObject } from "./timeline/object.ts";

const apps = new WeakMap<Env, ReturnType<typeof createApp>>();

function appOf(env: Env): ReturnType<typeof createApp> {
	const app = apps.get(env) ?? createApp(servicesOf(env));
	apps.set(env, app);
	return app;
}

export default {
	fetch: (request, env, ctx) => appOf(env).fetch(request, env, ctx),
	queue: (batch, env) => consume(servicesOf(env).fanout, batch),
	scheduled: async (_controller, env) => {
		await sweep(servicesOf(env).fanout, Date.now());
	},
} satisfies ExportedHandler<Env>;

/** The timeline object with its source: the store of this environment. */
export class Timeline extends TimelineObject {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, env, servicesOf(env).source);
	}
}

/** The Worker with faults: built only by `npm run chaos -- --faults`. */
import type { Env } from "../src/env.ts";
import worker, { Channel as RealChannel, Reactions as RealReactions, Timeline as RealTimeline } from "../src/index.ts";
import { perEnvironment } from "../src/services.ts";
import { Faults, receive, withFaults } from "./faults.ts";

/** Characters of a line in the log: faults make many, most of them stacks, and the local runtime is slow to take them. */
const LINE = 600;
const { error } = console;
console.error = (text: unknown) => error(String(text).slice(0, LINE));

/** One for the isolate: the Worker and its objects share it, and it is switched for all of them at once. */
let faults: Faults | undefined;

function faultsOf(env: Env): Faults {
	faults ??= new Faults(JSON.parse(String(env.FAULTS)));
	return faults;
}

/** The same one each time: services are kept by their environment. */
const faulty = perEnvironment((env) => withFaults(env, faultsOf(env)));

export default {
	async fetch(request, env, ctx) {
		if (new URL(request.url).pathname === "/__faults") {
			const faults = faultsOf(env);
			faults.on = request.method === "PUT";
			return Response.json(Object.fromEntries(faults.counts));
		}
		return worker.fetch(request as Parameters<typeof worker.fetch>[0], faulty(env), ctx);
	},
	queue: (batch, env) => receive(batch, faultsOf(env), (each) => worker.queue(each, faulty(env))),
	scheduled: (controller, env) => worker.scheduled(controller, faulty(env)),
} satisfies ExportedHandler<Env>;

export class Timeline extends RealTimeline {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, faulty(env));
	}

	/** What a deployment or a move to another machine does. */
	crash(): void {
		this.ctx.abort("reset by chaos");
	}
}

export { Grid } from "../src/index.ts";

export class Channel extends RealChannel {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, faulty(env));
	}
}

export class Reactions extends RealReactions {
	constructor(ctx: DurableObjectState, env: Env) {
		super(ctx, faulty(env));
	}

	/** What a deployment or a move to another machine does. */
	crash(): void {
		this.ctx.abort("reset by chaos");
	}
}

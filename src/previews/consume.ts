import { reportFailure } from "../report.ts";
import { traceparentIn, underTrace } from "../trace.ts";
import type { PreviewJobs } from "./jobs.ts";
import { previewMessageSchema } from "./messages.ts";

export interface PreviewConsumer {
	jobs: PreviewJobs;
	/** Keeps a message that nobody understands for an operator. */
	putAside: (message: unknown, error: string) => Promise<void>;
}

/** Seconds until a message comes again: whose address is being looked at, and that failed for a fault of ours. */
const SOON = 3;
const LATER = 20;

/** Handles a batch of the `previews` queue. Each message stands alone. */
export async function consumePreviews(consumer: PreviewConsumer, batch: MessageBatch): Promise<void> {
	await Promise.all(
		batch.messages.map((message) => underTrace(traceparentIn(message.body), () => handle(consumer, message))),
	);
}

async function handle({ jobs, putAside }: PreviewConsumer, message: Message): Promise<void> {
	try {
		const body = previewMessageSchema.safeParse(message.body);
		if (!body.success) await putAside(message.body, body.error.message);
		else if ("previewId" in body.data) await jobs.look(body.data.previewId);
		else if ((await jobs.run(body.data.jobId)) === "later") return message.retry({ delaySeconds: SOON });
		return message.ack();
	} catch (error) {
		reportFailure("queue message failed", error, { queue: "previews", id: message.id, attempts: message.attempts });
	}
	message.retry({ delaySeconds: LATER });
}

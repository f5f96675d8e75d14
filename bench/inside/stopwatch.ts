/** When messages of the queues were dealt with, told by the same process that deals with them. */

interface Times {
	/** When the first message came in that is no author's own chunk, and when the last was done. */
	first: number;
	last: number;
	messages: number;
	/** Of those whose message says which job it belongs to: when its last message was done. */
	jobs: Record<string, number>;
}

let times: Record<string, Times> = {};

/** What has been done since the last call, by queue. */
export function finished(): Record<string, Times> {
	const queues = times;
	times = {};
	return queues;
}

/** The same batch, whose messages say when they are done. */
export function stopwatch(batch: MessageBatch): MessageBatch {
	const queue = () => {
		times[batch.queue] ??= { first: Number.MAX_SAFE_INTEGER, last: 0, messages: 0, jobs: {} };
		return times[batch.queue] as Times;
	};
	if (batch.messages.some(({ body }) => !isOwn(body))) queue().first = Math.min(queue().first, Date.now());
	const messages = batch.messages.map((message) => ({
		id: message.id,
		timestamp: message.timestamp,
		body: message.body,
		attempts: message.attempts,
		retry: (options?: QueueRetryOptions) => message.retry(options),
		ack: () => {
			message.ack();
			const done = queue();
			done.last = Date.now();
			done.messages++;
			const { jobId } = message.body as { jobId?: string };
			if (jobId) done.jobs[jobId] = done.last;
		},
	}));
	return {
		queue: batch.queue,
		metadata: batch.metadata,
		messages,
		ackAll: () => batch.ackAll(),
		retryAll: (options) => batch.retryAll(options),
	};
}

/** A job's first chunk is its author, before anybody else is looked for. */
function isOwn(body: unknown): boolean {
	return (body as { chunk?: number }).chunk === 0;
}

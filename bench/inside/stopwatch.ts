/** When messages of the queues were dealt with, told by the same process that deals with them. */

interface Times {
	/** When the first batch came in, and when the last message was done. */
	first: number;
	last: number;
	messages: number;
	/** Of those whose message says which job it belongs to: when its last message was done. */
	jobs: Record<string, number>;
}

let times: Record<string, Times> = {};

/** What has been done since the last call, by queue. */
export function finished(): { queues: Record<string, Times> } {
	const queues = times;
	times = {};
	return { queues };
}

/** The same batch, whose messages say when they are done. */
export function stopwatch(batch: MessageBatch): MessageBatch {
	const now = Date.now();
	times[batch.queue] ??= { first: now, last: now, messages: 0, jobs: {} };
	const messages = batch.messages.map((message) => ({
		id: message.id,
		timestamp: message.timestamp,
		body: message.body,
		attempts: message.attempts,
		retry: (options?: QueueRetryOptions) => message.retry(options),
		ack: () => {
			message.ack();
			const now = Date.now();
			times[batch.queue] ??= { first: now, last: now, messages: 0, jobs: {} };
			const queue = times[batch.queue] as Times;
			queue.last = now;
			queue.messages++;
			const { jobId } = message.body as { jobId?: string };
			if (jobId) queue.jobs[jobId] = now;
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

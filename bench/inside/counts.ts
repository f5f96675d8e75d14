/** What is counted: shared by the Worker, which counts, and Node, which asks. */

export interface Counts {
	/** Requests, and batches of a queue. */
	workerRequests: number;
	/** Calls of objects, and alarms. */
	objectRequests: number;
	objectRowsRead: number;
	objectRowsWritten: number;
	queueMessages: number;
	databaseQueries: number;
	databaseRowsRead: number;
	databaseRowsWritten: number;
}

/** What carries the likes to the shards. */
export interface LikeBatches {
	batches: number;
	likes: number;
}

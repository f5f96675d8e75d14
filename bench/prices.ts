/** Cloudflare's public prices and what a use of it costs. */

/** Read on this day at https://developers.cloudflare.com/{workers,durable-objects,d1,queues}/platform/pricing/. */
export const PRICES_DATE = "2026-11-21";

/** Dollars for each, beyond what the Workers paid plan includes; what it includes is not taken off. */
export const PRICES = {
	workerRequests: 0.3e-6,
	workerCpuMilliseconds: 0.02e-6,
	objectRequests: 0.15e-6,
	objectGigabyteSeconds: 12.5e-6,
	objectRowsRead: 0.001e-6,
	objectRowsWritten: 1e-6,
	/** For each 64 KB that is written, read or deleted: three for a message. */
	queueOperations: 0.4e-6,
	databaseRowsRead: 0.001e-6,
	databaseRowsWritten: 1e-6,
} as const;
/** Dollars a month for a gigabyte. */
export const OBJECT_GIGABYTE_MONTH = 0.2;
/** What an object is billed for as long as it works, whatever it takes. */
export const OBJECT_GIGABYTES = 0.128;

export type Use = Record<keyof typeof PRICES, number>;

export const LABELS: Record<keyof Use, string> = {
	objectRowsWritten: "rows written in objects",
	objectRequests: "calls of objects",
	objectRowsRead: "rows read in objects",
	objectGigabyteSeconds: "objects' time, GB-s",
	queueOperations: "queue operations",
	databaseRowsWritten: "rows written in D1",
	databaseRowsRead: "rows read in D1",
	workerRequests: "Worker requests",
	workerCpuMilliseconds: "Worker CPU, ms",
};
export const KINDS = Object.keys(LABELS) as (keyof Use)[];

export function scale(use: Use, factor: number): Use {
	return Object.fromEntries(KINDS.map((kind) => [kind, use[kind] * factor])) as Use;
}

export function dollars(use: Use): number {
	return KINDS.reduce((sum, kind) => sum + use[kind] * PRICES[kind], 0);
}

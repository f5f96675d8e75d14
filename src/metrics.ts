/** What is counted; `docs/metrics.md` says what each means. */
export const METRICS = [
	"feed_audit_checked",
	"feed_audit_drift",
	"feed_build_seconds",
	"feed_build_partial",
	"delivery_seconds",
	"delivery_failed",
	"fanout_backlog",
	"fanout_lag_seconds",
	"fanout_dead",
	"cache_memory_hits",
	"cache_memory_misses",
	"cache_edge_hits",
	"cache_edge_misses",
	"cache_edge_failures",
	"cache_edge_opened",
	"cache_grid_hits",
	"cache_grid_misses",
	"cache_grid_failures",
	"cache_grid_opened",
	"cache_refused",
	"revocations_stale",
	"throttle_failures",
	"refresh_reused",
	"server_key_uses",
] as const;
export type Metric = (typeof METRICS)[number];

/** Takes figures, and never fails. */
export interface Counter {
	add(metric: Metric, value: number): void;
}

/** Figures for operators: into Workers Analytics Engine where it is bound, into the log otherwise. */
export class Metrics implements Counter {
	readonly #dataset: AnalyticsEngineDataset | undefined;

	constructor(dataset: AnalyticsEngineDataset | undefined) {
		this.#dataset = dataset;
	}

	add(metric: Metric, value: number): void {
		try {
			if (this.#dataset) this.#dataset.writeDataPoint({ indexes: [metric], doubles: [value] });
			else console.log(JSON.stringify({ level: "metric", metric, value }));
		} catch {
			// Over the limit of data points of an invocation: a figure is not worth a request.
		}
	}
}

/** A tally writes its sums so often, in milliseconds. */
const TALLY_EVERY = 10_000;

/** Sums figures of an isolate that would be too many one by one. What was counted since it last wrote is lost with the isolate. */
export class Tally implements Counter {
	readonly #metrics: Counter;
	readonly #now: () => number;
	readonly #sums = new Map<Metric, number>();
	#written = Number.NEGATIVE_INFINITY;

	constructor(metrics: Counter, now: () => number) {
		this.#metrics = metrics;
		this.#now = now;
	}

	add(metric: Metric, value: number): void {
		if (value === 0) return;
		this.#sums.set(metric, (this.#sums.get(metric) ?? 0) + value);
		const now = this.#now();
		if (now - this.#written < TALLY_EVERY) return;
		this.#written = now;
		for (const [name, sum] of this.#sums) this.#metrics.add(name, sum);
		this.#sums.clear();
	}
}

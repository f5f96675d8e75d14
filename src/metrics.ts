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
] as const;
export type Metric = (typeof METRICS)[number];

/** Figures for operators: into Workers Analytics Engine where it is bound, into the log otherwise. */
export class Metrics {
	readonly #dataset: AnalyticsEngineDataset | undefined;

	constructor(dataset: AnalyticsEngineDataset | undefined) {
		this.#dataset = dataset;
	}

	/** Never fails: a figure is not worth a request. */
	add(metric: Metric, value: number): void {
		try {
			if (this.#dataset) this.#dataset.writeDataPoint({ indexes: [metric], doubles: [value] });
			else console.log(JSON.stringify({ level: "metric", metric, value }));
		} catch {
			// Over the limit of data points of an invocation.
		}
	}
}

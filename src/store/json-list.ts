import { type SQL, sql } from "drizzle-orm";

/**
 * A list as one bound value, for `IN (…)`: D1 binds at most 100 parameters a statement
 * (https://developers.cloudflare.com/d1/platform/limits/), and a JSON array is one.
 */
export function inList(values: readonly string[]): SQL {
	return sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`;
}

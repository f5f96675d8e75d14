import "vitest";

declare module "vitest" {
	/** What `vitest.config.ts` hands to the tests that run in Node. */
	interface ProvidedContext {
		/** The connection string of a shard's database on a Postgres server; empty when there is none. */
		postgresUrl: string;
		/** The same database on a standby of that server. */
		standbyUrl: string;
		/** The texts of `migrations/postgres/`, in order. */
		postgresMigrations: string[];
	}
}

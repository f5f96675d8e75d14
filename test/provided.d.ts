import "vitest";

declare module "vitest" {
	interface ProvidedContext {
		/** Where `scripts/outside.ts` listens. */
		outsideUrl: string;
		/** The connection string of a shard's database on a Postgres server; empty when there is none. */
		postgresUrl: string;
		/** The same database on a standby of that server. */
		standbyUrl: string;
		/** The texts of `migrations/postgres/`, in order. */
		postgresMigrations: string[];
		shardMigrations: string[];
	}
}

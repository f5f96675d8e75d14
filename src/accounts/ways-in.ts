import { z } from "@hono/zod-openapi";
import { Problem } from "../gateway/problem.ts";
import { NOWHERE } from "./providers.ts";

/** By what an account can be signed in to. */
export const waysInSchema = z
	.object({
		email: z.string().nullable(),
		emailVerified: z.boolean(),
		guest: z.boolean().openapi({ description: "nobody can come back to a guest's account once its session is lost" }),
		password: z.boolean(),
		twoFactor: z.boolean(),
		passkeys: z.int().openapi({ description: "how many" }),
		providers: z.array(z.string()).openapi({ description: "ids of the other services" }),
	})
	.openapi("WaysIn");
export type WaysIn = z.infer<typeof waysInSchema>;

/** What better-auth calls the account of somebody who has a password. */
const PASSWORD = "credential";

interface Row {
	email: string;
	emailVerified: number;
	isAnonymous: number | null;
	twoFactorEnabled: number | null;
	/** JSON. */
	providers: string;
	passkeys: number;
}

/** Rows of account `?1` with id `?2`, and whether there is another one of either kind. */
const REMOVABLE = {
	passkey: {
		rows: "passkey WHERE userId = ?1 AND id = ?2",
		others: `EXISTS (SELECT 1 FROM account WHERE userId = ?1)
			OR EXISTS (SELECT 1 FROM passkey AS other WHERE userId = ?1 AND id <> ?2)`,
	},
	provider: {
		rows: `account WHERE userId = ?1 AND providerId = ?2 AND providerId <> '${PASSWORD}'`,
		others: `EXISTS (SELECT 1 FROM account AS other WHERE userId = ?1 AND providerId <> ?2)
			OR EXISTS (SELECT 1 FROM passkey WHERE userId = ?1)`,
	},
} as const;
/** A confirmed address brings a new password, and another issuer's token needs nothing of ours. A guest has no way in at all. */
const BESIDE = `EXISTS (SELECT 1 FROM external_identities WHERE account_id = ?1) OR EXISTS (
	SELECT 1 FROM user WHERE id = ?1 AND (isAnonymous = 1 OR (emailVerified = 1 AND email NOT LIKE '%${NOWHERE}')))`;

/**
 * Takes a way into an account away, if there is another one: in one statement, so that two cannot go at once.
 *
 * @param id of the passkey or the provider
 * @throws Problem `not_found` when it is none of the account's, or `last_way_in`
 */
export async function removeWayIn(
	database: D1Database,
	account: string,
	kind: keyof typeof REMOVABLE,
	id: string,
): Promise<void> {
	const { rows, others } = REMOVABLE[kind];
	const remove = database.prepare(`DELETE FROM ${rows} AND (${others} OR ${BESIDE})`).bind(account, id);
	if ((await remove.run()).meta.changes > 0) return;
	const there = await database.prepare(`SELECT 1 FROM ${rows}`).bind(account, id).first();
	throw new Problem(there ? "last_way_in" : "not_found");
}

/** @returns undefined when there is no such account */
export async function waysInOf(database: D1Database, account: string): Promise<WaysIn | undefined> {
	const row = await database
		.prepare(
			`SELECT email, emailVerified, isAnonymous, twoFactorEnabled,
				(SELECT json_group_array(providerId) FROM account WHERE userId = user.id) AS providers,
				(SELECT count(*) FROM passkey WHERE userId = user.id) AS passkeys
			FROM user WHERE id = ?`,
		)
		.bind(account)
		.first<Row>();
	if (!row) return undefined;
	const providers = JSON.parse(row.providers) as string[];
	return {
		email: row.email.endsWith(NOWHERE) || row.isAnonymous ? null : row.email,
		emailVerified: row.emailVerified === 1,
		guest: row.isAnonymous === 1,
		password: providers.includes(PASSWORD),
		twoFactor: row.twoFactorEnabled === 1,
		passkeys: row.passkeys,
		providers: providers.filter((provider) => provider !== PASSWORD),
	};
}

import { z } from "@hono/zod-openapi";
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

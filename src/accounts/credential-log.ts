import type { MiddlewareHandler } from "hono";
import type { AuditTrail } from "../audit-entry.ts";
import type { Gateway } from "../gateway/openapi.ts";
import { requestOf } from "./calls.ts";
import type { Identity } from "./identity.ts";

/** What is recorded when a route has changed how somebody signs in. */
const ACTS: ReadonlyMap<string, string> = new Map([
	["/auth/change-password", "password_changed"],
	["/auth/upgrade", "guest_kept"],
	["/auth/two-factor/verify-totp", "second_factor_on"],
	["/auth/two-factor/disable", "second_factor_off"],
	["/auth/two-factor/generate-backup-codes", "backup_codes_made"],
	["/auth/passkey/verify-registration", "passkey_added"],
	["/auth/passkey/delete-passkey", "passkey_deleted"],
	["/auth/sign-in/code", "service_connected"],
	["/auth/unlink-social", "service_disconnected"],
]);

/**
 * Records what the owner of a session has changed of the ways in to her account, once it is done. Without a session some
 * of these routes sign in, which is recorded with the new session.
 */
export function recordCredentials({
	identity,
	auditLog,
}: {
	identity: Identity;
	auditLog: AuditTrail;
}): MiddlewareHandler<Gateway> {
	return async (c, next) => {
		const act = c.req.method === "POST" ? ACTS.get(c.req.path) : undefined;
		if (act === undefined || c.req.header("authorization") === undefined) return next();
		// Before: some of these end the session that they are asked with.
		const session = await identity.session(requestOf(c));
		await next();
		if (!session || !c.res.ok) return;
		// A code is asked for at other times too.
		if (act === "second_factor_on" && session.user.twoFactorEnabled) return;
		const account = session.user.id;
		await auditLog.record({ act, actor: account, subject: account, requestId: c.var.requestId });
	};
}

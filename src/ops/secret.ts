import type { MiddlewareHandler } from "hono";
import { same } from "../digest.ts";
import type { Gateway } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { Scope } from "../gateway/server-keys.ts";
import type { AccessTokens } from "../gateway/tokens.ts";

/** What a server may reach with a key that is for less than everything. */
const SCOPES: Readonly<Record<string, readonly Scope[]>> = { "/ops/provision": ["provision", "admin"] };

/**
 * Lets in who knows the operator's secret (`X-Operator-Secret`), accounts with the role `operator`, and servers whose
 * key has the scope; for others nothing is there.
 */
export function requireOperator(secret: string | undefined, tokens: AccessTokens): MiddlewareHandler<Gateway> {
	return async (c, next) => {
		const given = c.req.header("x-operator-secret");
		const known = secret !== undefined && given !== undefined && (await same(given, secret));
		const scopes = SCOPES[c.req.path] ?? ["admin"];
		const operator = known ? "operator" : await operatorOf(c.req.header("authorization"), scopes, tokens);
		if (operator === undefined) throw new Problem("not_found");
		c.set("operator", operator);
		await next();
	};
}

async function operatorOf(
	authorization: string | undefined,
	scopes: readonly Scope[],
	tokens: AccessTokens,
): Promise<string | undefined> {
	try {
		return await tokens.operator(authorization, scopes);
	} catch (error) {
		// A bad token is as good as none: even that would tell that there is something.
		if (error instanceof Problem) return undefined;
		throw error;
	}
}

import type { RequestListener } from "node:http";
import { Provider } from "oidc-provider";

/** What the Worker knows of its client. */
export const CLIENT = { clientId: "edgefeed", clientSecret: "the secret of the tests' client" };

/**
 * A real OpenID provider where everybody may sign in with any name: nobody has no address, and whoever is called
 * "unverified…" has not confirmed it.
 *
 * @param issuer its own address
 * @param callback where it sends browsers back to
 */
export function openIdProvider(issuer: string, callback: string): RequestListener {
	return new Provider(issuer, {
		clients: [
			{
				client_id: CLIENT.clientId,
				client_secret: CLIENT.clientSecret,
				redirect_uris: [callback],
				token_endpoint_auth_method: "client_secret_post",
			},
		],
		claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
		findAccount: (_ctx: unknown, id: string) => ({
			accountId: id,
			claims: () => ({
				sub: id,
				name: `${id} of the provider`,
				...(id.startsWith("nobody") ? {} : { email: `${id}@idp.test`, email_verified: !id.startsWith("unverified") }),
			}),
		}),
		conformIdTokenClaims: false,
		pkce: { required: () => true },
		cookies: { keys: ["a key of the tests"] },
	}).callback();
}

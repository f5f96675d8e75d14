import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { limitBody } from "../gateway/body.ts";
import { createRouter, json, jsonBody, noContent, problems } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { Region } from "../store/shard-map.ts";
import { requestOf, session, sessionAnswer } from "./calls.ts";
import type { Identity } from "./identity.ts";
import { regionOf } from "./places.ts";
import type { Providers } from "./providers.ts";
import { type Redirects, redirectSchema } from "./redirects.ts";
import { type ComingBack, comingBackSchema, type Going, type SocialSignIn } from "./social.ts";

const providerParam = z
	.string()
	.regex(/^[a-z0-9-]{1,30}$/)
	.openapi({
		example: "google",
		description: "google, apple, facebook, kakao, line, naver, or an id of OIDC_PROVIDERS",
	});
/** 32 bytes in base64url, as RFC 7636 has it. */
const challengeSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "is not the SHA-256 of a verifier in base64url");

const providerSchema = z
	.object({ id: z.string(), name: z.string().openapi({ description: "to be shown", example: "Google" }) })
	.openapi("Provider");

const listProviders = createRoute({
	method: "get",
	path: "/auth/providers",
	tags: ["auth"],
	summary: "The other services whose accounts one can sign in with here",
	responses: {
		200: json(z.object({ items: z.array(providerSchema) }), "All of them; none, where none is set up"),
		...problems(429),
	},
});

const going = jsonBody(
	z.strictObject({
		provider: providerParam,
		redirectTo: redirectSchema,
		codeChallenge: challengeSchema.openapi({
			description: "the SHA-256, in base64url, of a random codeVerifier that you keep (RFC 7636, S256)",
		}),
	}),
);
const address = json(z.object({ url: z.url() }), "The provider's address: open it in a browser");

const signInWithProvider = createRoute({
	method: "post",
	path: "/auth/sign-in/social",
	tags: ["auth"],
	summary: "Sign in with another service's account: where to go",
	request: { body: going },
	responses: { 200: address, ...problems(400, 404, 413, 415, 429, 503) },
});

const linkProvider = createRoute({
	method: "post",
	path: "/auth/link-social",
	tags: ["auth"],
	summary: "Make another service's account a way into yours: where to go. A guest keeps the account for good with it",
	security: session,
	request: { body: going },
	responses: { 200: address, ...problems(400, 401, 404, 413, 415, 429, 503) },
});

const unlinkProvider = createRoute({
	method: "post",
	path: "/auth/unlink-social",
	tags: ["auth"],
	summary: "Sign in with another service's account no more. The last way into an account cannot be taken away",
	security: session,
	request: { body: jsonBody(z.strictObject({ provider: providerParam })) },
	responses: { 204: noContent, ...problems(400, 401, 404, 409, 413, 415, 429) },
});

const finishSignIn = createRoute({
	method: "post",
	path: "/auth/sign-in/code",
	tags: ["auth"],
	summary:
		"Come back from another service: a session for the code in your address. With the session's token if you link",
	request: {
		body: jsonBody(
			z.strictObject({
				code: z.string().min(1).max(200),
				codeVerifier: z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/, "is not a verifier of RFC 7636"),
			}),
		),
	},
	responses: { 200: json(sessionAnswer, "Signed in"), ...problems(400, 401, 403, 409, 413, 415, 429, 503) },
});

const params = z.object({ provider: providerParam.openapi({ param: { name: "provider", in: "path" } }) });
const redirect = { description: "To your address, with `code`, or with `error`: `access_denied` or `provider_failed`" };

const comeBack = createRoute({
	method: "get",
	path: "/auth/callback/{provider}",
	tags: ["auth"],
	summary: "Where another service sends the browser back to",
	request: { params, query: comingBackSchema },
	responses: { 302: redirect, ...problems(400, 404) },
});

const comeBackByForm = createRoute({
	method: "post",
	path: "/auth/callback/{provider}",
	tags: ["auth"],
	summary: "Where Apple sends the browser back to",
	request: {
		params,
		body: { required: true, content: { "application/x-www-form-urlencoded": { schema: comingBackSchema } } },
	},
	responses: { 302: redirect, ...problems(400, 404, 413, 415) },
});

export interface ProviderServices {
	identity: Identity;
	social: SocialSignIn;
	providers: Providers;
	redirects: Redirects;
	defaultRegion: Region;
}

/** Bytes of the form that Apple has browsers send. */
const FORM = 16 * 1024;

/** Browsers come back here, one of them with a form: mounted before bodies must be JSON. */
export function callbackRoutes({ social }: Pick<ProviderServices, "social">) {
	const back = async (c: Context, provider: string, query: ComingBack) =>
		// A form is taken like a query; nothing is read of the browser.
		c.redirect(await social.comeBack(new Request(c.req.url), provider, query), 302);

	const router = createRouter();
	router.use("/auth/callback/*", limitBody(FORM));
	return router
		.openapi(comeBack, async (c) => back(c, c.req.valid("param").provider, c.req.valid("query")))
		.openapi(comeBackByForm, async (c) => back(c, c.req.valid("param").provider, c.req.valid("form")));
}

export function providerRoutes({ identity, social, providers, redirects, defaultRegion }: ProviderServices) {
	const go = async (request: Request, body: Going) => {
		if (!providers.has(body.provider)) throw new Problem("provider_not_found");
		redirects.require(body.redirectTo, request);
		return { url: await social.go(request, body) };
	};

	return createRouter()
		.openapi(listProviders, (c) => c.json({ items: providers.list() }, 200))
		.openapi(signInWithProvider, async (c) => {
			const request = requestOf(c);
			request.headers.delete("authorization");
			return c.json(await go(request, c.req.valid("json")), 200);
		})
		.openapi(linkProvider, async (c) => {
			const request = requestOf(c);
			if (!(await identity.session(request))) throw new Problem("session_invalid");
			return c.json(await go(request, c.req.valid("json")), 200);
		})
		.openapi(unlinkProvider, async (c) => {
			const found = await identity.session(requestOf(c));
			if (!found) throw new Problem("session_invalid");
			await identity.disconnect(found.user.id, c.req.valid("json").provider);
			return c.body(null, 204);
		})
		.openapi(finishSignIn, async (c) => {
			const { code, codeVerifier } = c.req.valid("json");
			const region = regionOf(c.req.raw.cf as IncomingRequestCfProperties | undefined, defaultRegion);
			return c.json(await social.finish(requestOf(c), code, codeVerifier, region), 200);
		});
}

import type { BetterAuthOptions } from "better-auth";
import { genericOAuth } from "better-auth/plugins";
import { z } from "zod";

/** Those that better-auth knows. */
export const SOCIAL = ["google", "apple", "facebook", "kakao", "line", "naver"] as const;
export type Social = (typeof SOCIAL)[number];

const NAMES: Readonly<Record<Social, string>> = {
	google: "Google",
	apple: "Apple",
	facebook: "Facebook",
	kakao: "Kakao",
	line: "LINE",
	naver: "Naver",
};

export interface ClientCredentials {
	clientId: string;
	clientSecret: string;
}

/** The setting `OIDC_PROVIDERS`: a list, or its JSON, which is all that `.dev.vars` and the dashboard's secrets can hold. */
export const oidcProvidersSchema = z.preprocess(
	listOf,
	z
		.array(
			z.strictObject({
				/** In the addresses of the API. */
				id: z
					.string()
					.regex(/^[a-z0-9-]{1,30}$/)
					.refine((id) => !SOCIAL.some((social) => social === id)),
				/** What people are shown; by default the id. */
				name: z.string().min(1).max(40).optional(),
				/** Ends in `/.well-known/openid-configuration`. */
				discoveryUrl: z.url({ protocol: /^https?$/ }),
				clientId: z.string().min(1),
				/** The name of the binding that holds the client's secret. */
				secret: z.string().min(1),
				scopes: z.array(z.string().min(1)).min(1).default(["openid", "email", "profile"]),
			}),
		)
		.refine((list) => new Set(list.map(({ id }) => id)).size === list.length),
);

function listOf(setting: unknown): unknown {
	if (typeof setting !== "string") return setting;
	try {
		return JSON.parse(setting);
	} catch {
		return setting;
	}
}

export interface OidcProvider extends ClientCredentials {
	id: string;
	name?: string | undefined;
	discoveryUrl: string;
	scopes: string[];
}

/** Whom people can sign in with. */
export class Providers {
	readonly #social: ReadonlyMap<string, ClientCredentials>;
	readonly #oidc: readonly OidcProvider[];

	constructor(social: ReadonlyMap<Social, ClientCredentials>, oidc: readonly OidcProvider[]) {
		this.#social = social;
		this.#oidc = oidc;
	}

	/** Those that are set up, as people are shown them. */
	list(): { id: string; name: string }[] {
		const known = SOCIAL.filter((id) => this.#social.has(id)).map((id) => ({ id, name: NAMES[id] }));
		return [...known, ...this.#oidc.map(({ id, name }) => ({ id, name: name ?? id }))];
	}

	has(id: string): boolean {
		return this.#social.has(id) || this.#oidc.some((provider) => provider.id === id);
	}

	/**
	 * better-auth's options for one provider. Never for all: it asks each one by OpenID Connect for its configuration
	 * whenever it is made.
	 */
	optionsOf(id: string | undefined) {
		const mapProfileToUser = (profile: Profile) => withAddress(String(id), profile);
		const social = this.#social.get(String(id));
		const socialProviders = (social ? { [String(id)]: { ...social, mapProfileToUser } } : {}) as NonNullable<
			BetterAuthOptions["socialProviders"]
		>;
		const oidc = this.#oidc
			.filter((provider) => provider.id === id)
			.map(({ id: providerId, name: _, ...provider }) => ({
				...provider,
				providerId,
				pkce: true,
				requireIdTokenVerification: true,
				mapProfileToUser,
			}));
		return { socialProviders, plugins: oidc.length > 0 ? [genericOAuth({ config: oidc })] : [] };
	}
}

/** What a provider says of somebody, as far as it is looked at here: OpenID Connect's, Facebook's, Kakao's, Naver's. */
interface Profile {
	sub?: unknown;
	id?: unknown;
	email?: unknown;
	kakao_account?: { email?: unknown };
	response?: { id?: unknown; email?: unknown };
}

/** Not every provider tells an address, and not everybody lets it. better-auth wants one: it gets one that leads nowhere. */
function withAddress(provider: string, profile: Profile): { email?: string; emailVerified?: boolean } {
	const { sub, id, email, kakao_account: kakao, response: naver } = profile;
	if (email || kakao?.email || naver?.email) return {};
	const subject = Buffer.from(String(sub ?? id ?? naver?.id)).toString("hex");
	// The part before the @ has 64 characters at most.
	return { email: `${subject.slice(-60)}@${provider}${NOWHERE}`, emailVerified: false };
}

/** RFC 6761, section 6.4: no such domain will ever be. */
export const NOWHERE = ".placeholder.invalid";

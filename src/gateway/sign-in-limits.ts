import type { Context, MiddlewareHandler } from "hono";
import type { Throttle, Verdict } from "../cache/throttle.ts";
import { hmac } from "../digest.ts";
import { networkOf } from "./address.ts";
import { type LimitSettings, type Limits, type QuotaName, refuse, showQuota, waitFor } from "./limits.ts";
import { Problem } from "./problem.ts";

type SignInClass = "sign-in" | "sign-up" | "reset";

/** What tries a secret, what makes accounts and what sends mails. */
const CLASSES: readonly (readonly [RegExp, SignInClass])[] = [
	[/^POST \/auth\/(?:sign-up|sign-in\/anonymous)(?:\/|$)/, "sign-up"],
	[/^POST \/auth\/(?:sign-in|two-factor|change-password|passkey\/verify-authentication)(?:\/|$)/, "sign-in"],
	[/^POST \/auth\/(?:request-password-reset|reset-password|send-verification-email|change-email)(?:\/|$)/, "reset"],
	[/^DELETE \/v1\/accounts\/me$/, "sign-in"],
];

/** Longer ones are no names: the route refuses them. */
const LONGEST = 254;

export interface SignInLimitsOptions {
	limits: LimitSettings;
	throttle: Throttle;
	/** Names and networks are kept as keyed hashes only. */
	secret: string;
	/** Whether somebody with this name (lower case: an e-mail address or a username) is signed in from this network. */
	familiar: (name: string, network: string) => Promise<boolean>;
}

/**
 * Limits what signs in, signs up or sends mails: exactly, over all isolates.
 *
 * Each network has a quota. Beside it wrong passwords are counted for each name, wherever they come from, so that a
 * thousand addresses guess no faster than one. A name without an account counts the same. Such a delay could be used to
 * keep the owner out: so a network from which she is signed in has a count of its own.
 */
export function limitSignIns({ limits, throttle, secret, familiar }: SignInLimitsOptions): MiddlewareHandler {
	if (limits === "off") return (_c, next) => next();
	const key = (kind: string, ...subject: string[]) => `${kind}/${hmac(secret, JSON.stringify([kind, ...subject]))}`;
	const take = (kind: QuotaName, subject: string) =>
		throttle.take(key(kind, subject), { limit: limits[kind].limit, window: limits[kind].seconds * 1000 });

	/** Counts a try for a name. @returns under which key */
	const attempt = async (c: Context, name: string, network: string): Promise<string> => {
		const patience = patienceOf(limits);
		const everybody = key("failures", name);
		let verdict = await throttle.attempt(everybody, patience);
		if (verdict.allowed) return everybody;
		if (await familiar(name, network)) {
			const here = key("failures", name, network);
			verdict = await throttle.attempt(here, patience);
			if (verdict.allowed) return here;
		}
		waitFor(c, verdict.wait / 1000);
		throw new Problem("too_many_requests");
	};

	return async (c, next) => {
		const kind = classOf(`${c.req.method} ${c.req.path}`);
		if (kind === undefined) return next();
		const network = networkOf(c);
		const verdict = await take(kind, network);
		if (!verdict.allowed) refuse(c, kind, limits[kind], verdict.wait / 1000);
		const name = kind === "sign-up" ? undefined : await nameIn(c);
		if (name === undefined) {
			await next();
		} else if (kind === "reset") {
			const mails = await take("reset-name", name);
			if (!mails.allowed) refuse(c, "reset-name", limits["reset-name"], mails.wait / 1000);
			await next();
		} else {
			const counted = await attempt(c, name, network);
			await next();
			if (c.res.ok) await throttle.forgive(counted);
		}
		show(c, kind, limits, verdict);
	};
}

function show(c: Context, kind: SignInClass, limits: Limits, { remaining, wait }: Verdict): void {
	if (!c.res.headers.has("RateLimit")) showQuota(c, kind, limits[kind], remaining, wait / 1000);
}

function classOf(route: string): SignInClass | undefined {
	return CLASSES.find(([pattern]) => pattern.test(route))?.[1];
}

function patienceOf({ failures }: Limits) {
	return {
		free: failures.free,
		first: failures.firstSeconds * 1000,
		longest: failures.longestSeconds * 1000,
		memory: failures.memorySeconds * 1000,
	};
}

/** The name that a body gives, as the accounts have it; its route checks the body. */
async function nameIn(c: Context): Promise<string | undefined> {
	const body: unknown = await c.req.json().catch(() => undefined);
	if (typeof body !== "object" || body === null) return undefined;
	const { email, username } = body as Record<string, unknown>;
	const name = email ?? username;
	return typeof name === "string" && name !== "" && name.length <= LONGEST ? name.toLowerCase() : undefined;
}

import { expect } from "vitest";
import type { PostedEmail } from "../src/mail/mailer.ts";
import { type Answer, type CallOptions, call, PASSWORD } from "./api.ts";
import { env } from "./env.ts";

export type Call = <T = Record<string, unknown>>(
	method: string,
	path: string,
	options?: CallOptions,
) => Promise<Answer<T>>;

/** What was sent to an address, newest first, as an operator reads it. */
export async function outbox(to: string): Promise<PostedEmail[]> {
	const { status, body } = await call<{ items: PostedEmail[] }>("GET", `/ops/outbox?to=${encodeURIComponent(to)}`, {
		headers: { "x-operator-secret": env.OPERATOR_SECRET },
	});
	expect(status).toBe(200);
	return body.items;
}

/** The path and query of the link in the newest message of a kind. */
export async function linkIn(to: string, kind: string): Promise<string> {
	const message = (await outbox(to)).find((email) => email.kind === kind);
	const [link = ""] = /https?:\S+/.exec(message?.text ?? "") ?? [];
	expect(link, `${kind} to ${to}`).not.toBe("");
	const { pathname, search } = new URL(link);
	return `${pathname}${search}`;
}

/** The code of the newest message for a new password. */
export async function codeFor(to: string): Promise<string> {
	const message = (await outbox(to)).find((email) => email.kind === "reset");
	const [, , code = ""] = (message?.text ?? "").split("\n");
	expect(code).toMatch(/^\w{20,}$/);
	return code;
}

export async function signInWith(email: string, password = PASSWORD, via: Call = call) {
	return via<{ token: string }>("POST", "/auth/sign-in/email", { body: { email, password } });
}

import { expect, inject, it } from "vitest";
import { Mailer } from "../src/mail/mailer.ts";
import { BoundSender, type EmailSender, WebhookSender } from "../src/mail/senders.ts";
import { env } from "./env.ts";

const SECRET = "a secret of the tests' webhook";
const TEXT = { subject: "Hello", text: "plain", html: "<p>html</p>" };

/** A mailer with a clock of its own; what it does after the answer is waited for. */
function mailerWith(sender: EmailSender | undefined) {
	const clock = { now: Date.now() };
	const work: Promise<unknown>[] = [];
	const mailer = new Mailer({
		database: env.IDENTITY,
		sender,
		defer: (promise) => work.push(promise),
		mint: () => crypto.randomUUID(),
		now: () => clock.now,
	});
	return { mailer, clock, done: () => Promise.all(work) };
}

const boxOf = (name: string) => `${inject("outsideUrl")}/mail/${name}`;
const webhook = (url: string) => new WebhookSender({ url, secret: SECRET, now: () => Date.now() });
const received = async (name: string) =>
	(await (await fetch(boxOf(name))).json()) as { headers: Record<string, string>; body: string }[];

it("a webhook gets a message that it can check, and its text is forgotten", async () => {
	const { mailer, done } = mailerWith(webhook(boxOf("one")));
	await mailer.post("ann@mail.test", "verify", TEXT);
	await done();
	const [message, ...more] = await received("one");
	expect(more).toEqual([]);
	const { body = "", headers = {} } = message ?? {};
	expect(JSON.parse(body)).toMatchObject({ to: "ann@mail.test", kind: "verify", ...TEXT });
	const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature = "" } = headers;
	const key = await crypto.subtle.importKey(
		"raw",
		new TextEncoder().encode(SECRET),
		{ name: "HMAC", hash: "SHA-256" },
		false,
		["verify"],
	);
	const signed = new TextEncoder().encode(`${id}.${time}.${body}`);
	expect(await crypto.subtle.verify("HMAC", key, Buffer.from(signature.slice(3), "base64"), signed)).toBe(true);
	expect(await mailer.recent(10, "Ann@mail.test")).toMatchObject([
		{ attempts: 1, dueAt: null, text: null, html: null },
	]);
	const row = await env.IDENTITY.prepare("SELECT text FROM emails WHERE recipient = 'ann@mail.test'").first("text");
	expect(row).toBeNull();
});

it("what is not taken is tried again, later and later, with the same id, and then given up", async () => {
	const { mailer, clock, done } = mailerWith(webhook(`${boxOf("two")}?refuse=2`));
	await mailer.post("ben@mail.test", "reset", TEXT);
	await done();
	await mailer.sweep();
	expect(await received("two"), "not before its time").toHaveLength(1);
	clock.now += 100_000;
	await Promise.all([mailer.sweep(), mailer.sweep()]);
	expect(await received("two"), "by one of two rounds").toHaveLength(2);
	clock.now += 300_000;
	await mailer.sweep();
	const tries = await received("two");
	expect(tries).toHaveLength(3);
	expect(new Set(tries.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
	await mailer.sweep();
	expect(await mailer.recent(1, "ben@mail.test")).toMatchObject([{ attempts: 3, dueAt: null }]);

	const lost = mailerWith(webhook(`${boxOf("lost")}?refuse=100`));
	await lost.mailer.post("cal@mail.test", "reset", TEXT);
	await lost.done();
	for (let round = 0; round < 10; round++) {
		lost.clock.now += 3_600_000;
		await lost.mailer.sweep();
	}
	expect(await lost.mailer.recent(1, "cal@mail.test")).toMatchObject([{ attempts: 6, dueAt: null }]);
});

it("a message whose process died before it was sent is sent by the sweeper", async () => {
	const sender = webhook(boxOf("three"));
	const { mailer, clock } = mailerWith(sender);
	const dying = new Mailer({
		database: env.IDENTITY,
		sender,
		defer: () => {},
		mint: () => crypto.randomUUID(),
		now: () => clock.now,
	});
	// Taking a message and handing it on are apart: here the second never begins.
	await env.IDENTITY.prepare(
		"INSERT INTO emails (id, recipient, kind, subject, text, html, created_at, due_at) VALUES ('x', 'dee@mail.test', 'verify', 's', 't', 'h', ?1, ?1)",
	)
		.bind(clock.now)
		.run();
	clock.now += 60_000;
	await dying.sweep();
	expect(await received("three")).toHaveLength(1);
	expect(await mailer.recent(1, "dee@mail.test")).toMatchObject([{ attempts: 1, dueAt: null }]);
});

it("Cloudflare's binding sends", async () => {
	const { mailer, done } = mailerWith(new BoundSender(env.MAIL_OUT, "hello@feed.test"));
	await mailer.post("eve@mail.test", "verify", TEXT);
	await done();
	expect(await mailer.recent(1, "eve@mail.test")).toMatchObject([{ attempts: 1, dueAt: null }]);
});

it("after a day a message is forgotten", async () => {
	const { mailer, clock } = mailerWith(undefined);
	clock.now -= 25 * 3_600_000;
	await mailer.post("fay@mail.test", "verify", TEXT);
	expect(await mailer.recent(1, "fay@mail.test")).toMatchObject([{ text: "plain", dueAt: null }]);
	clock.now += 25 * 3_600_000;
	await mailer.post("gus@mail.test", "verify", TEXT);
	expect(await mailer.recent(1, "fay@mail.test")).toEqual([]);
});

import type { EmailText } from "./texts.ts";

export interface EmailMessage extends EmailText {
	/** The same each time that it is tried, so that a receiver can tell a repetition. */
	id: string;
	recipient: string;
	kind: string;
}

/** Hands a message on. */
export interface EmailSender {
	/** @throws Error, without an address or a part of the message in its text, when it was not taken */
	send(message: EmailMessage): Promise<void>;
}

/** Cloudflare's own: a `send_email` binding. */
export class BoundSender implements EmailSender {
	readonly #binding: SendEmail;
	readonly #from: string;

	constructor(binding: SendEmail, from: string) {
		this.#binding = binding;
		this.#from = from;
	}

	async send({ recipient, subject, text, html }: EmailMessage): Promise<void> {
		try {
			await this.#binding.send({ from: this.#from, to: recipient, subject, text, html });
		} catch (error) {
			const code = error instanceof Error && "code" in error ? String(error.code) : "no code";
			// Its message may name the recipient.
			throw new Error(`the e-mail binding refused: ${code}`);
		}
	}
}

/** Milliseconds that a webhook has. */
const PATIENCE = 10_000;

export interface WebhookOptions {
	url: string;
	secret: string;
	now: () => number;
}

/** A web address of one's own that sends e-mail: gets JSON, signed as https://www.standardwebhooks.com says. */
export class WebhookSender implements EmailSender {
	readonly #options: WebhookOptions;

	constructor(options: WebhookOptions) {
		this.#options = options;
	}

	async send({ id, recipient, kind, subject, text, html }: EmailMessage): Promise<void> {
		const { url, secret, now } = this.#options;
		const body = JSON.stringify({ id, to: recipient, kind, subject, text, html });
		const timestamp = String(Math.floor(now() / 1000));
		const response = await fetch(url, {
			method: "POST",
			headers: {
				"content-type": "application/json",
				"webhook-id": id,
				"webhook-timestamp": timestamp,
				"webhook-signature": `v1,${await sign(`${id}.${timestamp}.${body}`, secret)}`,
			},
			body,
			redirect: "manual",
			signal: AbortSignal.timeout(PATIENCE),
		});
		await response.body?.cancel();
		if (!response.ok) throw new Error(`the e-mail webhook answered ${response.status}`);
	}
}

/** @returns the HMAC-SHA-256 of a text in base64. */
async function sign(text: string, secret: string): Promise<string> {
	const encoder = new TextEncoder();
	const algorithm = { name: "HMAC", hash: "SHA-256" };
	const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
	return Buffer.from(await crypto.subtle.sign("HMAC", key, encoder.encode(text))).toString("base64");
}

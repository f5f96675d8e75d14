import { reportFailure } from "../report.ts";
import type { EmailMessage, EmailSender } from "./senders.ts";
import type { EmailText } from "./texts.ts";

/** A message as operators see it. `text` and `html` are there only where there is nobody to send it. */
export interface PostedEmail {
	id: string;
	recipient: string;
	kind: string;
	subject: string;
	text: string | null;
	html: string | null;
	/** Unix milliseconds. */
	createdAt: number;
	attempts: number;
	/** When it is tried next, in Unix milliseconds; null when it was handed on, given up or is kept. */
	dueAt: number | null;
}

export interface MailerOptions {
	database: D1Database;
	/** Without one, messages are kept for a developer to read. */
	sender: EmailSender | undefined;
	/** Has work go on after the answer. */
	defer: (work: Promise<unknown>) => void;
	/** An id that is unique. */
	mint: () => string;
	now: () => number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Milliseconds for which a message is remembered. */
const MEMORY = 24 * HOUR;
/** Messages to one address within an hour: nobody's mailbox is filled by others. */
const HOURLY = 10;
/** Tries, a minute after the first, then twice as late each time: what is in the messages is good for an hour. */
const TRIES = 6;
/** Messages that one round of the sweeper sends. */
const ROUND = 50;

/**
 * Sends e-mail. A message is a row before the request that asks for it is answered, and handed on after that: at once,
 * and by the sweeper for as long as it was not taken. So it may arrive twice, with the same id.
 */
export class Mailer {
	readonly #options: MailerOptions;

	constructor(options: MailerOptions) {
		this.#options = options;
	}

	/** Takes a message; drops it when its recipient has got many. */
	async post(recipient: string, kind: string, { subject, text, html }: EmailText): Promise<void> {
		const { database, sender, defer, mint, now } = this.#options;
		const at = now();
		const id = mint();
		const [, taken] = await database.batch([
			database.prepare("DELETE FROM emails WHERE created_at < ?").bind(at - MEMORY),
			database
				.prepare(
					`INSERT INTO emails (id, recipient, kind, subject, text, html, created_at, due_at)
					SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
					WHERE (SELECT count(*) FROM emails WHERE recipient = ?2 AND created_at > ?9) < ?10`,
				)
				.bind(id, recipient, kind, subject, text, html, at, sender ? at : null, at - HOUR, HOURLY),
		]);
		if (sender && taken?.meta.changes === 1) defer(this.#hand(id, 0));
	}

	/** Sends what is due. */
	async sweep(): Promise<void> {
		const { database, sender, now } = this.#options;
		if (!sender) return;
		const { results } = await database
			.prepare("SELECT id, attempts FROM emails WHERE due_at <= ? ORDER BY due_at LIMIT ?")
			.bind(now() - MINUTE / 2, ROUND)
			.all<{ id: string; attempts: number }>();
		await Promise.all(results.map(({ id, attempts }) => this.#hand(id, attempts)));
	}

	/** The newest messages, newest first; those to one address, if one is given. */
	async recent(limit: number, recipient?: string): Promise<PostedEmail[]> {
		const { database, sender } = this.#options;
		const { results } = await database
			.prepare(
				`SELECT id, recipient, kind, subject, iif(?3, text, NULL) AS text, iif(?3, html, NULL) AS html,
					created_at AS createdAt, attempts, due_at AS dueAt
				FROM emails WHERE ?2 IS NULL OR recipient = ?2 ORDER BY created_at DESC, id DESC LIMIT ?1`,
			)
			.bind(limit, recipient?.toLowerCase() ?? null, sender ? 0 : 1)
			.all<PostedEmail>();
		return results;
	}

	/** Whoever takes the try number `attempts` sends; another one finds it taken. Never fails. */
	async #hand(id: string, attempts: number): Promise<void> {
		const { database, sender, now } = this.#options;
		try {
			const next = attempts + 1 < TRIES ? now() + MINUTE * 2 ** attempts : null;
			const message = await database
				.prepare(
					`UPDATE emails SET attempts = attempts + 1, due_at = ?3
					WHERE id = ?1 AND attempts = ?2 AND due_at IS NOT NULL
					RETURNING id, recipient, kind, subject, text, html`,
				)
				.bind(id, attempts, next)
				.first<EmailMessage>();
			if (!message) return;
			await sender?.send(message);
			await database.prepare("UPDATE emails SET text = NULL, html = NULL, due_at = NULL WHERE id = ?").bind(id).run();
		} catch (error) {
			reportFailure("an e-mail was not sent", error, { id, attempts });
		}
	}
}

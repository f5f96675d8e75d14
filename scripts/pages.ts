import type { IncomingMessage, ServerResponse } from "node:http";
import type { Asked, Page } from "./page.ts";

interface Kept {
	/** One after the other; the last one stays. */
	answers: Page[];
	asked: Asked;
	waiting: (() => void)[];
}

const CHUNK = Buffer.alloc(64 * 1024, " ");

/**
 * Pages on the internet of the tests, which say themselves what is on them: `PUT /pages/x` with {@link Page}s, `POST` to
 * let go of who waits, `GET /asked/pages/x` for what was asked. And names of hosts: `PUT /dns-query?name=x` with what
 * they stand for by type of record; others do not exist.
 */
export class Pages {
	readonly #pages = new Map<string, Kept>();
	readonly #names = new Map<string, Record<string, string[]>>();

	/** @returns false for what is no page's address. */
	handle(request: IncomingMessage, response: ServerResponse): boolean {
		const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
		if (pathname === "/dns-query") this.#resolve(request, response, searchParams);
		else if (pathname.startsWith("/asked/")) response.end(JSON.stringify(this.#at(pathname.slice(6)).asked));
		else if (pathname.startsWith("/pages/")) this.#page(request, response, this.#at(pathname));
		else return false;
		return true;
	}

	#at(path: string): Kept {
		const kept = this.#pages.get(path) ?? {
			answers: [],
			asked: { count: 0, headers: [], sent: 0, left: 0 },
			waiting: [],
		};
		this.#pages.set(path, kept);
		return kept;
	}

	#resolve(request: IncomingMessage, response: ServerResponse, search: URLSearchParams): void {
		const name = search.get("name") ?? "";
		if (request.method === "PUT") {
			readText(request, (text) => {
				this.#names.set(name, JSON.parse(text));
				response.end();
			});
			return;
		}
		const type = search.get("type") === "28" ? "AAAA" : "A";
		const found = this.#names.get(name);
		const data = found?.[type] ?? [];
		response.setHeader("content-type", "application/dns-json");
		response.statusCode = found?.status ? Number(found.status[0]) : 200;
		const records = data.map((each) => ({ name, type: type === "A" ? 1 : 28, TTL: 60, data: each }));
		const alias = { name, type: 5, TTL: 60, data: "alias.example." };
		response.end(JSON.stringify({ Status: found ? 0 : 3, Answer: found ? [alias, ...records] : undefined }));
	}

	#page(request: IncomingMessage, response: ServerResponse, kept: Kept): void {
		if (request.method === "PUT") {
			readText(request, (text) => {
				kept.answers = [JSON.parse(text)].flat();
				response.end();
			});
			return;
		}
		if (request.method === "POST") {
			for (const go of kept.waiting.splice(0)) go();
			response.end();
			return;
		}
		kept.asked.headers.push(request.headers);
		const page = kept.answers[Math.min(kept.asked.count++, kept.answers.length - 1)] ?? { status: 404 };
		const answer = () => send(page, response, kept.asked);
		if (page.held) kept.waiting.push(answer);
		else answer();
	}
}

function send(
	{ status = 200, headers = {}, text = "", base64, endless }: Page,
	response: ServerResponse,
	asked: Asked,
) {
	response.writeHead(status, headers);
	response.write(base64 === undefined ? text : Buffer.from(base64, "base64"));
	if (endless === undefined) return response.end();
	let timer: NodeJS.Timeout | undefined;
	response.on("close", () => {
		asked.left++;
		clearInterval(timer);
	});
	if (endless === "slow") {
		timer = setInterval(() => response.write(" "), 100);
		return;
	}
	const pour = () => {
		while (!response.destroyed) {
			asked.sent += CHUNK.length;
			if (!response.write(CHUNK)) return response.once("drain", pour);
		}
	};
	pour();
}

function readText(request: IncomingMessage, done: (text: string) => void): void {
	let text = "";
	request.on("data", (chunk) => {
		text += chunk;
	});
	request.on("end", () => done(text));
}

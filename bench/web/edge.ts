/**
 * What stands between a phone and the Worker in production and not on this machine: something that compresses. Passes
 * everything on, sockets too, and counts what it sends.
 */
import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";

const TEXT = /^(?:text\/|application\/(?:json|javascript|manifest\+json|problem\+json)|image\/svg)/;
/** An answer that a browser may wait for piece by piece. */
const STREAM = /^text\/event-stream/;

export interface Sent {
	path: string;
	type: string;
	/** Of the body, as it was sent. */
	bytes: number;
}

export class Edge {
	readonly #server: Server;
	/** Every answer so far, in the order of their ends. */
	readonly sent: Sent[] = [];

	private constructor(origin: URL) {
		this.#server = createServer((request, response) => this.#pass(origin, request, response));
		this.#server.on("upgrade", (request, socket, head) => {
			const onward = ask(origin, { method: "GET", path: request.url, headers: request.headers });
			onward.on("upgrade", (answer, other, rest) => {
				const headers = answer.rawHeaders.reduce((text, part, n) => text + part + (n % 2 ? "\r\n" : ": "), "");
				socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
				socket.write(rest);
				other.write(head);
				pipeline(socket, other, () => undefined);
				pipeline(other, socket, () => undefined);
			});
			onward.on("response", () => socket.destroy());
			onward.on("error", () => socket.destroy());
			socket.on("error", () => onward.destroy());
			onward.end();
		});
	}

	static async open(origin: string): Promise<Edge> {
		const edge = new Edge(new URL(origin));
		await new Promise<void>((open) => edge.#server.listen(0, "127.0.0.1", open));
		return edge;
	}

	get url(): string {
		// A secure context, as any origin of this machine is: service workers want one.
		return `http://localhost:${(this.#server.address() as AddressInfo).port}`;
	}

	async close(): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((closed) => this.#server.close(closed));
	}

	#pass(origin: URL, request: IncomingMessage, response: ServerResponse): void {
		const { "accept-encoding": _, ...headers } = request.headers;
		const onward = ask(origin, { method: request.method, path: request.url, headers }, (answer) => {
			const type = answer.headers["content-type"] ?? "";
			const { "content-length": length, ...rest } = answer.headers;
			const compress = TEXT.test(type) && !STREAM.test(type) && answer.statusCode === 200;
			const entry = { path: request.url ?? "", type, bytes: 0 };
			const count = (chunk: Buffer) => {
				entry.bytes += chunk.length;
			};
			response.on("finish", () => this.sent.push(entry));
			if (!compress) {
				answer.on("data", count);
				response.writeHead(
					answer.statusCode ?? 502,
					length === undefined ? rest : { ...rest, "content-length": length },
				);
				return void pipeline(answer, response, () => undefined);
			}
			const gzip = createGzip();
			gzip.on("data", count);
			response.writeHead(200, { ...rest, "content-encoding": "gzip", vary: "accept-encoding" });
			pipeline(answer, gzip, response, () => undefined);
		});
		onward.on("error", () => response.destroy());
		pipeline(request, onward, () => undefined);
	}
}

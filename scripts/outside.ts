import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";
import { openIdProvider } from "./openid-provider.ts";
import { Pages } from "./pages.ts";

/** Where the provider sends browsers back to. */
const CALLBACK = "https://feed.test/auth/callback/test-idp";

interface Received {
	headers: IncomingMessage["headers"];
	body: string;
}

/**
 * What is outside of the Worker, in Node beside it: an OpenID provider where everybody may sign in with any name, a
 * webhook that takes e-mail (`POST /mail/{box}`; `?refuse=N` refuses the first N) and tells what it got (`GET`), and the
 * pages of the internet ({@link Pages}).
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
	const pages = new Pages();
	const boxes = new Map<string, Received[]>();
	let provider: (request: IncomingMessage, response: ServerResponse) => void = () => {};
	const server = createServer((request, response) => {
		if (pages.handle(request, response)) return;
		const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
		if (!pathname.startsWith("/mail/")) return provider(request, response);
		const box = boxes.get(pathname) ?? [];
		boxes.set(pathname, box);
		if (request.method === "GET") return response.end(JSON.stringify(box));
		let body = "";
		request.on("data", (chunk) => {
			body += chunk;
		});
		request.on("end", () => {
			box.push({ headers: request.headers, body });
			response.statusCode = box.length > Number(searchParams.get("refuse") ?? 0) ? 200 : 503;
			response.end();
		});
	});
	await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	provider = openIdProvider(url, CALLBACK);
	project.provide("outsideUrl", url);
	return async () => {
		server.closeAllConnections();
		await new Promise((closed) => server.close(closed));
	};
}

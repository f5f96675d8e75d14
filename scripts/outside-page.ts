/** What is outside of a system under test, on loopback: a page that posts can link to, an OpenID provider. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CLIENT, openIdProvider } from "./openid-provider.ts";

const ARTICLE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bread</title>
<meta property="og:title" content="How bread rises"><meta property="og:site_name" content="The Oven">
<meta property="og:description" content="Yeast, warmth and patience: what happens in the dough.">
</head><body><h1>How bread rises</h1></body></html>`;

const PROVIDER = "village";

export class Outside {
	readonly #server: Server;
	#provider: RequestListener = (_, response) => response.writeHead(404).end();

	private constructor() {
		this.#server = createServer((request, response) => {
			if (request.url !== "/article") return this.#provider(request, response);
			response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(ARTICLE);
		});
	}

	static async open(): Promise<Outside> {
		const outside = new Outside();
		await new Promise<void>((open) => outside.#server.listen(0, "127.0.0.1", open));
		return outside;
	}

	/** From now on people of the system at this address can sign in here. */
	serve(system: string): void {
		this.#provider = openIdProvider(this.url, `${system}/auth/callback/${PROVIDER}`);
	}

	get url(): string {
		return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
	}

	/** What lets the Worker fetch pages from this place, and from no other one of this machine, and send people here. */
	get variables(): Record<string, string> {
		const discoveryUrl = `${this.url}/.well-known/openid-configuration`;
		const provider = { id: PROVIDER, name: "The Village", discoveryUrl, clientId: CLIENT.clientId, secret: "VILLAGE" };
		return {
			PREVIEW_TEST_ORIGIN: this.url,
			OIDC_PROVIDERS: JSON.stringify([provider]),
			VILLAGE: CLIENT.clientSecret,
		};
	}

	async close(): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((closed) => this.#server.close(closed));
	}
}

import { z } from "zod";
import { isPublicAddress, literalOf, refusalOf } from "./address.ts";

/** What is there is nothing for us, and will be nothing for a while. The message names no address. */
export class Unusable extends Error {}

/** Nothing was learned this time: it may be there later. The message names no address. */
export class Unreached extends Error {}

export interface OutsideOptions {
	fetch: (address: string, init: RequestInit) => Promise<Response>;
	/** Answers DNS over HTTPS as JSON; undefined where names are not looked up. */
	resolver: string | undefined;
	/** Hosts of this service, which it does not ask. */
	own: ReadonlySet<string>;
	/** What it says of itself to those it asks. */
	agent: string;
	/** One origin that may be asked wherever it is: of the tests. */
	exempt?: string | undefined;
}

/** Redirects that are followed. */
const REDIRECTS = 4;
const REDIRECTING: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const LONGEST_ADDRESS = 2048;

/** DNS record types. */
const A = 1;
const AAAA = 28;
/** Response codes of DNS: all is well, there is no such name. */
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;

const answerSchema = z.object({
	Status: z.int(),
	Answer: z.array(z.object({ type: z.int(), data: z.string() })).default([]),
});

/**
 * Asks servers that users name. Each address is checked before it is asked, also each that a server redirects to, and
 * so is what its name stands for: a Worker cannot say which IP address a request goes to, so a name that changes
 * between the two looks gets through here. On Cloudflare it still reaches no private network.
 */
export class Outside {
	readonly #options: OutsideOptions;

	constructor(options: OutsideOptions) {
		this.#options = options;
	}

	/**
	 * Gets an address, wherever it is redirected to. No cookies, no referrer.
	 *
	 * @returns the answer, which is 2xx, and where it came from.
	 * @throws Unusable, Unreached
	 */
	async get(address: string, accept: string, signal: AbortSignal): Promise<{ url: URL; response: Response }> {
		let url = parse(address, undefined);
		for (let hop = 0; hop <= REDIRECTS; hop++) {
			await this.#permit(url, signal);
			const response = await this.#ask(url, accept, signal);
			const location = response.headers.get("location");
			if (!REDIRECTING.has(response.status) || location === null) {
				if (response.ok) return { url, response };
				await response.body?.cancel();
				throw response.status >= 500 || response.status === 429
					? new Unreached(`status ${response.status}`)
					: new Unusable(`status ${response.status}`);
			}
			await response.body?.cancel();
			url = parse(location, url);
		}
		throw new Unusable("too many redirects");
	}

	async #permit(url: URL, signal: AbortSignal): Promise<void> {
		const { exempt, own, resolver } = this.#options;
		if (exempt !== undefined && url.origin === exempt) return;
		const refusal = refusalOf(url, own);
		if (refusal !== undefined) throw new Unusable(refusal);
		if (resolver === undefined || literalOf(url) !== undefined) return;
		const answers = await Promise.all([A, AAAA].map((type) => this.#resolve(resolver, url.hostname, type, signal)));
		const addresses = answers.flat();
		if (addresses.length === 0) throw new Unusable("no such host");
		if (!addresses.every(isPublicAddress)) throw new Unusable("a name for a private address");
	}

	async #resolve(resolver: string, name: string, type: number, signal: AbortSignal): Promise<string[]> {
		const question = new URL(resolver);
		question.searchParams.set("name", name);
		question.searchParams.set("type", String(type));
		const response = await this.#fetch(question, "application/dns-json", signal);
		if (!response.ok) throw new Unreached("the resolver does not answer");
		const answer = answerSchema.safeParse(await response.json().catch(() => undefined));
		if (!answer.success) throw new Unreached("the resolver makes no sense");
		const { Status, Answer } = answer.data;
		if (Status === NO_SUCH_NAME) return [];
		if (Status !== NO_ERROR) throw new Unreached("the resolver does not know");
		// Aliases are among the answers: what they lead to is as well.
		return Answer.filter((record) => record.type === type).map(({ data }) => data);
	}

	#ask(url: URL, accept: string, signal: AbortSignal): Promise<Response> {
		return this.#fetch(url, accept, signal, { "user-agent": this.#options.agent });
	}

	async #fetch(url: URL, accept: string, signal: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
		try {
			const init: RequestInit = { headers: { ...headers, accept }, redirect: "manual", signal };
			return await this.#options.fetch(url.href, init);
		} catch {
			throw new Unreached(signal.aborted ? "too slow" : "no answer");
		}
	}
}

function parse(address: string, base: URL | undefined): URL {
	if (!URL.canParse(address, base?.href)) throw new Unusable("no address");
	const url = new URL(address, base?.href);
	if (url.href.length > LONGEST_ADDRESS) throw new Unusable("too long an address");
	return url;
}

/**
 * Reads so many bytes of a body and lets the rest go.
 *
 * @returns `whole` when there were no more.
 * @throws Unreached when the signal comes first, or the body breaks off.
 */
export async function readAtMost(
	body: ReadableStream<Uint8Array> | null,
	most: number,
	signal: AbortSignal,
): Promise<{ bytes: Uint8Array; whole: boolean }> {
	if (body === null) return { bytes: new Uint8Array(), whole: true };
	const reader = body.getReader();
	const late = new Promise<never>((_, reject) => {
		signal.addEventListener("abort", () => reject(new Unreached("too slow")), { once: true });
	});
	const chunks: Uint8Array[] = [];
	let length = 0;
	try {
		signal.throwIfAborted();
		while (length <= most) {
			const { done, value } = await Promise.race([reader.read(), late]);
			if (done) break;
			chunks.push(value);
			length += value.length;
		}
	} catch {
		throw new Unreached(signal.aborted ? "too slow" : "broken off");
	} finally {
		late.catch(() => undefined);
		// Not waited for: a server that is slow to send may be slow to stop.
		reader.cancel().catch(() => undefined);
	}
	const bytes = new Uint8Array(Math.min(length, most));
	let at = 0;
	for (const chunk of chunks) {
		bytes.set(chunk.subarray(0, bytes.length - at), at);
		at += Math.min(chunk.length, bytes.length - at);
	}
	return { bytes, whole: length <= most };
}

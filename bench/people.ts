/** Accounts, ties and tokens in bulk: nobody signs up or in, as hashing passwords would take longer than the benchmark. */
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Client } from "../scripts/client.ts";
import { encodeId, type Id, LOGICAL_SHARDS } from "../src/store/ids.ts";
import type { BenchWorker } from "./worker.ts";

const KEY = "key-of-the-bench";
/** Rows of one call. */
const ROWS = 5000;
const SINCE = Date.now() - 30 * 86_400_000;

export type Pair = [Id, Id];

/** The account with a number, on any shard; different groups never share one. */
export function accountId(group: number, number: number): Id {
	return encodeId({ time: SINCE + number, shard: (number * 37) % LOGICAL_SHARDS, tail: group });
}

export function accountIds(group: number, count: number): Id[] {
	return Array.from({ length: count }, (_, number) => accountId(group, number));
}

export class People {
	readonly #client: Client;
	readonly #secret: string;
	readonly #privateKey: CryptoKey;
	/** A JWK: with it the tokens can be verified. */
	readonly publicKey: string;

	private constructor(client: Client, secret: string, privateKey: CryptoKey, publicKey: string) {
		this.publicKey = publicKey;
		this.#client = client;
		this.#secret = secret;
		this.#privateKey = privateKey;
	}

	/** Puts a key of the benchmark's own among those that the Worker trusts. */
	static async of(client: Client, worker: BenchWorker): Promise<People> {
		const { publicKey, privateKey } = await generateKeyPair("ES256");
		const identity = await worker.miniflare.getD1Database("IDENTITY");
		const at = new Date().toISOString();
		const jwk = JSON.stringify(await exportJWK(publicKey));
		await identity
			.prepare(
				"INSERT INTO jwks (id, publicKey, privateKey, alg, crv, createdAt) VALUES (?, ?, '', 'ES256', 'P-256', ?)",
			)
			.bind(KEY, jwk, at)
			.run();
		return new People(client, worker.operatorSecret, privateKey, jwk);
	}

	/** An access token that outlives the benchmark. */
	token(id: Id): Promise<string> {
		return new SignJWT({ sid: id })
			.setProtectedHeader({ alg: "ES256", kid: KEY })
			.setSubject(id)
			.setIssuer("edgefeed")
			.setAudience("edgefeed")
			.setIssuedAt()
			.setExpirationTime("6h")
			.sign(this.#privateKey);
	}

	/** Makes accounts that can post. */
	async join(ids: readonly Id[]): Promise<void> {
		const rows = ids.map((id) => {
			const username = `bench_${id.toLowerCase()}`;
			return { id, username, email: `${username}@example.com`, displayName: username, bio: "" };
		});
		await this.bring("accounts", rows);
	}

	async befriend(pairs: readonly Pair[]): Promise<void> {
		const at = (n: number) => SINCE + n;
		await this.bring(
			"friendships",
			pairs.map(([a, b], n) => [a, b, at(n)]),
		);
	}

	/** The first of each pair follows the second. */
	async follow(pairs: readonly Pair[]): Promise<void> {
		await this.bring(
			"follows",
			pairs.map(([a, b], n) => [a, b, SINCE + n]),
		);
	}

	async posted(posts: readonly { id: Id; authorId: Id; text: string; audience: string }[]): Promise<void> {
		await this.bring("posts", posts);
	}

	/** Rows of one kind of the bulk import, whatever their size. */
	async bring(kind: string, rows: readonly unknown[]): Promise<void> {
		const headers = { "x-operator-secret": this.#secret };
		for (let at = 0; at < rows.length; at += ROWS) {
			await this.#client.call("POST", "/ops/import", { headers, body: { [kind]: rows.slice(at, at + ROWS) } });
		}
	}
}

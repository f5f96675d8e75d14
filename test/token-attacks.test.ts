import fc from "fast-check";
import { base64url, createLocalJWKSet } from "jose";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { Problem } from "../src/gateway/problem.ts";
import { TicketSeal } from "../src/gateway/tickets.ts";
import { AccessTokens } from "../src/gateway/tokens.ts";
import { EPOCH, encodeId } from "../src/store/ids.ts";
import { call, type Person, signUp } from "./api.ts";
import { claimsOf, confused, Keys, sealed, seconds, unsigned } from "./forge.ts";

/**
 * What forgers try: after the ideas of Wycheproof's vectors for JSON Web Signatures and ECDSA
 * (https://github.com/C2SP/wycheproof), and of RFC 8725, the best current practice for JSON Web Tokens.
 */

const keys = await Keys.make("ours");
const ann = encodeId({ time: EPOCH + 1, shard: 3, tail: 7 });
const ben = encodeId({ time: EPOCH + 1, shard: 3, tail: 8 });
const nothing = { current: () => true, fresh: async () => {}, has: () => false };
const made = () =>
	new AccessTokens({
		keys: createLocalJWKSet({ keys: [keys.jwk] }),
		issuer: "edgefeed",
		audience: "edgefeed",
		revocations: nothing,
		now: Date.now,
	});
const tokens = made();

/** The viewer of a token, or why there is none. */
async function tell(token: string, access = tokens): Promise<string> {
	try {
		return (await access.verify(`Bearer ${token}`)).viewer;
	} catch (error) {
		if (error instanceof Problem) return error.code;
		throw error;
	}
}
const refused = async (token: string, why = "token_invalid") => expect(await tell(token), token).toBe(why);

const good = await keys.sign(claimsOf(ann));
const [head = "", payload = "", signature = ""] = good.split(".");
const bytes = base64url.decode(signature);
const withSignature = (changed: Uint8Array | string) =>
	`${head}.${payload}.${typeof changed === "string" ? changed : base64url.encode(changed)}`;

afterEach(() => {
	vi.restoreAllMocks();
});

it("the token that all of these are made from is good", async () => {
	expect(await tell(good)).toBe(ann);
	expect(await tell(withSignature(bytes))).toBe(ann);
});

describe("a signature", () => {
	/** The order of the group of P-256. */
	const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
	const n = Uint8Array.from(order.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
	const [r, s] = [bytes.slice(0, 32), bytes.slice(32)];
	const zero = new Uint8Array(32);
	const one = Uint8Array.from(zero).fill(1, 31);
	const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

	it("with any bit changed is none", async () => {
		for (let bit = 0; bit < bytes.length * 8; bit++) {
			const changed = Uint8Array.from(bytes, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
			await refused(withSignature(changed));
		}
	});

	it("that is too short or too long is none", async () => {
		for (let length = 0; length < signature.length; length++) await refused(withSignature(signature.slice(0, length)));
		for (let length = 0; length < bytes.length; length++) await refused(withSignature(bytes.slice(0, length)));
		for (const more of [[0], [0, 0], [...bytes], Array(448).fill(0)]) {
			await refused(withSignature(joined(bytes, Uint8Array.from(more))));
			await refused(withSignature(joined(Uint8Array.from(more), bytes)));
		}
	});

	it("of numbers that are none of the group's is none", async () => {
		const numbers = [
			zero,
			one,
			n,
			Uint8Array.from(n, (byte, at) => (at === 31 ? byte - 1 : byte)),
			new Uint8Array(32).fill(255),
		];
		for (const first of [r, ...numbers]) {
			for (const second of [s, ...numbers]) {
				if (first !== r || second !== s) await refused(withSignature(joined(first, second)));
			}
		}
		await refused(withSignature(joined(s, r)));
	});

	it("in DER, as other protocols write it, is none", async () => {
		const integer = (value: Uint8Array) => {
			const padded = (value[0] ?? 0) > 127 ? joined(Uint8Array.of(0), value) : value;
			return joined(Uint8Array.of(2, padded.length), padded);
		};
		const body = joined(integer(r), integer(s));
		await refused(withSignature(joined(Uint8Array.of(0x30, body.length), body)));
		await refused(withSignature(joined(Uint8Array.of(0x30, 0x81, body.length), body)));
	});

	it("has one text: other ways to write the same bytes are refused", async () => {
		const last = signature.slice(-1);
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
		for (const letter of alphabet) {
			if (letter !== last) await refused(withSignature(signature.slice(0, -1) + letter));
		}
		const standard = signature.replaceAll("-", "+").replaceAll("_", "/");
		for (const text of [`${signature}=`, `${signature}==`, `${signature}A`, `${standard}==`, `${signature}%3D%3D`]) {
			await refused(withSignature(text));
		}
		for (const space of ["\t", "\n", "\r\n", "\f", "\v", "\u00a0", "\u2028", "\ufeff", "\0"]) {
			for (const at of [0, 4, 40, signature.length]) {
				await refused(withSignature(signature.slice(0, at) + space + signature.slice(at)));
			}
			await refused(`${space}${good}`);
			await refused(good.replace(".", `${space}.`));
		}
		await refused(`${head}=.${payload}.${signature}`);
		await refused(`${head}.${payload}=.${signature}`);
	});
});

describe("a header", () => {
	const signed = (header: unknown) => sealed(header, claimsOf(ann), keys.privateKey);

	it("names ES256 in these five letters and no others", async () => {
		for (const alg of [
			"none",
			"None",
			"nOnE",
			"NONE",
			"",
			" ES256",
			"ES256 ",
			"ES256\0",
			"es256",
			"Es256",
			"ES256K",
			"ES384",
			"ES512",
			"PS256",
			"RS256",
			"EdDSA",
			"HS256",
			"dir",
			"ЕS256",
			"ＥＳ２５６",
			"ES２56",
			"E\u200bS256",
			"constructor",
			"__proto__",
			"toString",
			null,
			true,
			256,
			["ES256"],
			{ alg: "ES256" },
			undefined,
		]) {
			await refused(await signed({ ...keys.header, alg }));
			await refused(unsigned({ ...keys.header, alg }, claimsOf(ann)));
			await refused(unsigned({ ...keys.header, alg }, claimsOf(ann), signature));
		}
	});

	it("does not make a secret of a public key", async () => {
		for (const text of keys.texts) await refused(await confused(keys.header, claimsOf(ann), text));
	});

	it("cannot bring its own key along", async () => {
		const evil = await Keys.make("evil");
		for (const header of [
			{ jwk: evil.jwk },
			{ jwk: evil.jwk, kid: keys.kid },
			{ jku: "https://evil.test/jwks.json", kid: evil.kid },
			{ x5u: "https://evil.test/cert.pem" },
			{ x5c: ["MIIBAAAA"], x5t: "AAAA" },
			{ kid: keys.kid },
		]) {
			await refused(await evil.sign(claimsOf(ann), header));
		}
	});

	it("names a key that there is, and nothing else by that name", async () => {
		for (const kid of [
			"../../../dev/null",
			"/etc/passwd",
			"file:///dev/null",
			"' OR '1'='1",
			"x' UNION SELECT 'key' --",
			"ours; DROP TABLE jwks",
			"https://evil.test/key",
			"OURS",
			"ours ",
			"ours\0",
			"",
			"*",
			"%",
			"__proto__",
			"constructor",
			"x".repeat(2000),
			5,
			null,
			true,
			["ours"],
			{ toString: "ours" },
		]) {
			await refused(await keys.sign(claimsOf(ann), { kid }));
		}
	});

	it("asks for nothing that is not understood", async () => {
		for (const more of [
			{ crit: ["exp"], exp: 1 },
			{ crit: ["https://evil.test/"], "https://evil.test/": true },
			{ crit: [] },
			{ crit: "b64", b64: true },
			{ crit: ["alg"] },
			{ crit: ["b64"] },
			{ crit: [5] },
			{ crit: null },
			{ crit: ["b64"], b64: false },
			{ crit: ["b64"], b64: "false" },
		]) {
			await refused(await signed({ ...keys.header, ...more }));
		}
		// Signed over the payload itself, as `b64: false` has it.
		const header = base64url.encode(JSON.stringify({ ...keys.header, crit: ["b64"], b64: false }));
		const input = new TextEncoder().encode(`${header}.${JSON.stringify(claimsOf(ann))}`);
		const raw = new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, keys.privateKey, input));
		await refused(`${header}.${JSON.stringify(claimsOf(ann))}.${base64url.encode(raw)}`);
		await refused(`${header}.${base64url.encode(JSON.stringify(claimsOf(ann)))}.${base64url.encode(raw)}`);
	});

	it("is an object of JSON", async () => {
		const text = JSON.stringify(keys.header);
		for (const header of [
			"",
			" ",
			"null",
			"5",
			'"ES256"',
			`[${text}]`,
			text.slice(0, -1),
			`${text}x`,
			`${text}${text}`,
			text.replaceAll('"', "'"),
			"{}",
		]) {
			await refused(await signed(header));
		}
	});
});

describe("claims", () => {
	const refusedWith = async (claims: Record<string, unknown> | string, why?: string) =>
		refused(
			await sealed(keys.header, typeof claims === "string" ? claims : claimsOf(ann, claims), keys.privateKey),
			why,
		);
	/** As text, so that it can be what JSON.stringify does not write. */
	const withText = (name: string, value: string) =>
		JSON.stringify(claimsOf(ann, { [name]: "HERE" })).replace('"HERE"', value);

	it("have times that are numbers of this age", async () => {
		for (const name of ["exp", "iat", "nbf"]) {
			for (const value of ['"1900000000"', '"soon"', "null", "true", "[1900000000]", "{}", '""']) {
				await refusedWith(withText(name, value));
			}
			for (const value of [
				"NaN",
				"Infinity",
				"-Infinity",
				"0x7fffffff",
				"1_900_000_000",
				"01900000000",
				"1900000000n",
				"+1900000000",
			]) {
				await refusedWith(withText(name, value));
			}
		}
		for (const value of ["1e999", "1e300", "9007199254740993", "8640000000001"])
			await refusedWith(withText("exp", value));
		for (const value of ["-1", "0", "-0", "1e-5", "-1e999"]) await refusedWith(withText("exp", value), "token_expired");
		for (const value of ["1e999", "1e300", String(seconds() + 3600)]) {
			await refusedWith(withText("iat", value));
			await refusedWith(withText("nbf", value));
		}
		expect(await tell(await keys.sign(claimsOf(ann, { exp: seconds() + 60.5, iat: seconds() - 0.5 })))).toBe(ann);
		expect(await tell(await keys.sign(claimsOf(ann, { iat: seconds() + 5 })))).toBe(ann);
	});

	it("are for us, of us and about an account", async () => {
		for (const claims of [
			{ iss: ["edgefeed"] },
			{ iss: "Edgefeed" },
			{ iss: "edgefeed " },
			{ iss: "еdgefeed" },
			{ iss: null },
			{ aud: [] },
			{ aud: {} },
			{ aud: [["edgefeed"]] },
			{ aud: "edgefeed,other" },
			{ aud: "feed-stream" },
			{ aud: null },
			{ sub: [ann] },
			{ sub: { id: ann } },
			{ sub: 5 },
			{ sub: null },
			{ sub: `${ann} ` },
			{ sub: `${ann}\n` },
			{ sub: ann.toLowerCase() },
			{ sub: "__proto__" },
			{ sid: null },
			{ sid: ["session"] },
			{ sid: {} },
			{ sid: true },
		]) {
			await refusedWith(claims);
		}
	});

	it("that are there twice count once, and only their signer can have written them", async () => {
		const twice = JSON.stringify(claimsOf(ann)).replace('"sub":', `"sub":"${ben}","sub":`);
		expect(await tell(await sealed(keys.header, twice, keys.privateKey))).toBe(ann);
		await refused(unsigned(keys.header, twice, signature));
	});

	it("give no role by another name, and none to a prototype", async () => {
		for (const role of ["king", "Operator", "operator ", ["operator"], { operator: true }, 1, true, null]) {
			const { role: given } = await tokens.verify(`Bearer ${await keys.sign(claimsOf(ann, { role }))}`);
			expect(given, JSON.stringify(role)).toBe("user");
		}
		const polluted = JSON.stringify(claimsOf(ann)).replace("{", '{"__proto__":{"role":"operator"},');
		expect((await tokens.verify(`Bearer ${await sealed(keys.header, polluted, keys.privateKey)}`)).role).toBe("user");
		expect(({} as { role?: string }).role).toBeUndefined();
	});

	it("are an object of JSON, and not another token", async () => {
		const text = JSON.stringify(claimsOf(ann));
		for (const claims of [
			"",
			"null",
			"5",
			`"${ann}"`,
			`[${text}]`,
			text.slice(0, -1),
			`${text},`,
			good,
			JSON.stringify(good),
			"{}",
		]) {
			await refusedWith(claims);
		}
		await refused(await sealed({ ...keys.header, cty: "JWT" }, good, keys.privateKey));
		const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
		const squeezed = new Uint8Array(await new Response(stream).arrayBuffer());
		const input = `${base64url.encode(JSON.stringify({ ...keys.header, zip: "DEF" }))}.${base64url.encode(squeezed)}`;
		const algorithm = { name: "ECDSA", hash: "SHA-256" };
		const over = new Uint8Array(await crypto.subtle.sign(algorithm, keys.privateKey, new TextEncoder().encode(input)));
		await refused(`${input}.${base64url.encode(over)}`);
	});
});

describe("a token", () => {
	it("has three parts, and each is something", async () => {
		const parts = [head, payload, signature];
		for (let count = 1; count < 9; count++) {
			if (count !== 3) await refused(Array.from({ length: count }, (_, n) => parts[n % 3]).join("."));
		}
		for (let empty = 0; empty < 3; empty++) await refused(parts.map((part, n) => (n === empty ? "" : part)).join("."));
		for (const text of [
			".",
			"..",
			"...",
			".".repeat(4000),
			`${good}.`,
			`.${good}`,
			good.replaceAll(".", "%2E"),
			good.replaceAll(".", "。"),
		]) {
			await refused(text);
		}
		await refused(JSON.stringify({ payload, protected: head, signature }));
		await refused(JSON.stringify({ payload, signatures: [{ protected: head, signature }] }));
	});

	it("that is too long is refused before anything of it is read", async () => {
		const [verify, parse] = [vi.spyOn(crypto.subtle, "verify"), vi.spyOn(JSON, "parse")];
		const long = await keys.sign(claimsOf(ann, { more: "x".repeat(4096) }));
		for (const token of [
			long,
			`${head}.${"A".repeat(65_536)}.${signature}`,
			"a".repeat(1_000_000),
			".".repeat(1_000_000),
		]) {
			expect(await tell(token)).toBe("token_invalid");
		}
		expect([verify.mock.calls.length, parse.mock.calls.length]).toEqual([0, 0]);
	});

	it("is refused in a time that does not grow with what an attacker sends", async () => {
		const start = Date.now();
		for (const unit of ["A", "AAAA.", "=", "A=", "-_", "A.A", "AAA"]) {
			const text = unit.repeat(Math.floor(4090 / unit.length));
			for (let n = 0; n < 20; n++) await tell(`${text}!`);
		}
		expect(Date.now() - start).toBeLessThan(2000);
	});

	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \t%";
	it("with any one character changed, left out or put in is refused, also where the good one is remembered", async () => {
		const [cold, warm] = [made(), made()];
		await warm.verify(`Bearer ${good}`);
		const change = fc.record({
			at: fc.nat(good.length),
			letter: fc.constantFrom(...letters),
			kind: fc.constantFrom("change", "leave out", "put in"),
		});
		await fc.assert(
			fc.asyncProperty(change, async ({ at, letter, kind }) => {
				const rest = good.slice(kind === "put in" ? at : at + 1);
				const token = good.slice(0, at) + (kind === "leave out" ? "" : letter) + rest;
				if (token === good) return;
				expect(warm.recall(`Bearer ${token}`)).toBeUndefined();
				for (const access of [cold, warm]) expect(await tell(token, access)).toMatch(/^token_(invalid|missing)$/);
			}),
			{ numRuns: 1500 },
		);
		expect([cold.remembered, warm.remembered]).toEqual([0, 1]);
	});
});

describe("credentials of one kind", () => {
	let person: Person;
	let ticket: string;
	beforeAll(async () => {
		person = await signUp("Ann");
		({ ticket } = await person.ok<{ ticket: string }>("POST", "/v1/feed/tickets"));
	});

	it("are no credentials of another", async () => {
		const upgrade = { upgrade: "websocket" };
		for (const token of [person.session, ticket, `${person.session}.${person.session}`]) {
			expect((await call("GET", "/v1/accounts/me", { token })).body.code).toBe("token_invalid");
		}
		for (const token of [person.token, ticket]) {
			expect((await call("GET", "/auth/token", { token })).body.code).toBe("session_invalid");
			expect((await call("POST", "/auth/sign-out", { token })).status).toBe(200);
		}
		for (const other of [person.token, person.session]) {
			const path = `/v1/feed/stream?ticket=${encodeURIComponent(other)}`;
			expect((await call("GET", path, { headers: upgrade })).body.code).toMatch(/^(ticket_invalid|invalid_request)$/);
		}
		expect((await person.call("GET", "/v1/accounts/me")).status).toBe(200);
	});

	it("a ticket is good in one text only, and for its own account", async () => {
		const seal = new TicketSeal("a secret that only this test knows, 123");
		const token = { viewer: ann, session: "s", issuedAt: seconds() };
		const text = await seal.seal(token, "t", Date.now() + 60_000);
		expect((await seal.open(text)).token.viewer).toBe(ann);
		for (let at = 0; at < text.length; at++) {
			for (const letter of ["A", "B", "Q", "_", "=", ".", ""]) {
				if (letter === text[at]) continue;
				await expect(seal.open(text.slice(0, at) + letter + text.slice(at + 1))).rejects.toThrow("ticket");
			}
		}
		const other = new TicketSeal("another secret that this test knows, 12");
		await expect(other.open(text)).rejects.toThrow("ticket");
		await expect(seal.open("x".repeat(100_000))).rejects.toThrow("ticket");
	});
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublicAddress, refusalOf } from "../src/previews/address.ts";
import { type Looked, lifetimeOf, PreviewMaker } from "../src/previews/fetch.ts";
import type { PreviewImages } from "../src/previews/images.ts";
import { Outside } from "../src/previews/outside.ts";
import { eventually } from "./api.ts";
import { asked, html, INTERNET, named, page, release } from "./internet.ts";

const NO_IMAGES = { take: async () => null } as unknown as PreviewImages;

/** Looks at an address; a host of `hosts` is the one of the tests, by another name. */
async function look(
	address: string,
	hosts: readonly string[] = [],
	resolver: string | undefined = `${INTERNET}/dns-query`,
) {
	const reached: string[] = [];
	const outside = new Outside({
		fetch: async (asked, init) => {
			const url = new URL(asked);
			if (!asked.startsWith(INTERNET)) reached.push(asked);
			if (!hosts.includes(url.hostname)) return fetch(asked, init);
			return fetch(`${INTERNET}${url.pathname}${url.search}`, init);
		},
		resolver,
		own: new Set(["feed.test"]),
		agent: "Edgefeed/1.0 (link previews)",
		exempt: hosts.length > 0 ? undefined : INTERNET,
	});
	const looked: Looked = await new PreviewMaker(outside, NO_IMAGES, 5000).look(address);
	return { looked, why: looked.state === "ready" ? undefined : looked.why, reached };
}

const titled = (title: string) => `<title>${title}</title>`;

describe("what is not asked", () => {
	const REFUSED = [
		"http://127.0.0.1/",
		"http://2130706433/",
		"http://0x7f000001/",
		"http://0x7f.1/",
		"http://0177.0.0.1/",
		"http://127.1/",
		"http://0/",
		"http://10.1.2.3/",
		"http://172.16.0.1/",
		"http://192.168.1.1/",
		"http://100.64.0.1/",
		"http://169.254.169.254/latest/meta-data/",
		"http://192.0.2.1/",
		"http://198.18.0.1/",
		"http://203.0.113.9/",
		"http://224.0.0.1/",
		"http://240.0.0.1/",
		"http://255.255.255.255/",
		"http://[::]/",
		"http://[::1]/",
		"http://[::ffff:127.0.0.1]/",
		"http://[::ffff:8.8.8.8]/",
		"http://[::127.0.0.1]/",
		"http://[64:ff9b::7f00:1]/",
		"http://[64:ff9b:1::1]/",
		"http://[2002:7f00:1::]/",
		"http://[2001:0:7f00:1::]/",
		"http://[2001:db8::1]/",
		"http://[fe80::1]/",
		"http://[fc00::1]/",
		"http://[fec0::1]/",
		"http://[ff02::1]/",
		"http://[4000::1]/",
		"http://localhost/",
		"http://localhost./",
		"http://a.localhost/",
		"http://LOCALHOST/",
		"http://intranet/",
		"http://printer.local/",
		"http://metadata.google.internal/",
		"http://router.home.arpa/",
		"http://facebookcorewwwi.onion/",
		"http://user@example.com/",
		"http://user:password@example.com/",
		"http://example.com:8080/",
		"http://example.com:22/",
		"ftp://example.com/",
		"file:///etc/passwd",
		"javascript:alert(1)",
		"data:text/html,<title>x</title>",
		"http://feed.test/",
		"https://feed.test/",
		"http://１２７.０.０.１/",
	];

	it.each(REFUSED)("%s", async (address) => {
		expect(refusalOf(new URL(address), new Set(["feed.test"]))).toEqual(expect.any(String));
		const { looked, reached } = await look(address, ["example.com"]);
		expect([looked.state, reached]).toEqual(["none", []]);
	});

	it("but what is public is", () => {
		for (const address of [
			"http://example.com/",
			"https://example.com:443/x?y",
			"http://8.8.8.8/",
			"http://[2606:4700::1111]/",
		])
			expect(refusalOf(new URL(address), new Set(["feed.test"])), address).toBeUndefined();
	});

	it("whatever an IPv4 address is written as, it is the same one", () => {
		fc.assert(
			fc.property(fc.nat(0xffffffff), (number) => {
				const bytes = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255);
				const forms = [
					bytes.join("."),
					String(number),
					`0x${number.toString(16)}`,
					bytes.map((byte) => `0${byte.toString(8)}`).join("."),
				];
				const [said] = forms.map((form) => refusalOf(new URL(`http://${form}/`), new Set()));
				for (const form of forms) expect(refusalOf(new URL(`http://${form}/`), new Set()), form).toBe(said);
				const hex = (high = 0, low = 0) => ((high << 8) | low).toString(16);
				const [a, b, c, d] = bytes;
				for (const prefix of ["::ffff:", "64:ff9b::", "::"])
					expect(isPublicAddress(`${prefix}${hex(a, b)}:${hex(c, d)}`)).toBe(false);
			}),
		);
	});

	it("is looked at wherever a redirect leads", async () => {
		for (const to of [
			"http://169.254.169.254/latest/",
			"http://[::1]/",
			"ftp://example.com/",
			"http://localhost/",
			"//10.0.0.1/",
		]) {
			const from = await page({ status: 302, headers: { location: to } });
			const { looked, reached } = await look(from);
			expect([to, looked.state, reached]).toEqual([to, "none", []]);
		}
	});

	it("is looked for behind a name", async () => {
		const path = new URL(await html(titled("inside"))).pathname;
		await named("private.example", { A: ["10.0.0.1"] });
		await named("both.example", { A: ["93.184.216.34"], AAAA: ["::1"] });
		await named("half.example", { A: ["93.184.216.34", "192.168.0.1"] });
		await named("mapped.example", { AAAA: ["::ffff:10.0.0.1"] });
		await named("empty.example", {});
		await named("broken.example", { status: ["500"] });
		await named("public.example", { A: ["93.184.216.34"], AAAA: ["2606:2800:220:1::1"] });
		const hosts = ["private", "both", "half", "mapped", "empty", "none", "broken", "public"].map(
			(each) => `${each}.example`,
		);
		const states: Record<string, string> = {};
		for (const host of hosts) {
			const { looked, reached } = await look(`http://${host}${path}`, hosts);
			states[host] = looked.state;
			expect(reached, host).toHaveLength(host === "public.example" ? 1 : 0);
		}
		expect(states).toEqual({
			"private.example": "none",
			"both.example": "none",
			"half.example": "none",
			"mapped.example": "none",
			"empty.example": "none",
			"none.example": "none",
			// A name that cannot be looked up is not asked, but may be later.
			"broken.example": "failed",
			"public.example": "ready",
		});
	});

	it("is looked for behind the name that a redirect leads to", async () => {
		await named("first.example", { A: ["93.184.216.34"] });
		await named("second.example", { A: ["127.0.0.1"] });
		const from = await page({ status: 301, headers: { location: "http://second.example/" } });
		const { looked, reached } = await look(`http://first.example${new URL(from).pathname}`, ["first.example"]);
		expect(looked.state).toBe("none");
		expect(reached).toHaveLength(1);
	});
});

describe("a server", () => {
	it("gets no more than it must know, and its redirects are followed", async () => {
		const to = await html(titled("there"));
		const second = await page({ status: 307, headers: { location: new URL(to).pathname } });
		const first = await page({ status: 301, headers: { location: second, "set-cookie": "a=b" } });
		const { looked } = await look(first);
		expect(looked).toMatchObject({ state: "ready", preview: { url: to, title: "there" } });
		const { headers } = await asked(to);
		expect(headers[0]).toMatchObject({ "user-agent": "Edgefeed/1.0 (link previews)" });
		for (const name of ["cookie", "referer", "authorization"]) expect(headers[0]).not.toHaveProperty(name);
	});

	it("may redirect four times", async () => {
		let address = await html(titled("there"));
		for (let n = 0; n < 4; n++) address = await page({ status: 302, headers: { location: address } });
		expect((await look(address)).looked.state).toBe("ready");
		expect((await look(await page({ status: 302, headers: { location: address } }))).looked.state).toBe("none");
		const circle = await page();
		await fetch(circle, { method: "PUT", body: JSON.stringify({ status: 302, headers: { location: circle } }) });
		expect((await look(circle)).looked.state).toBe("none");
		expect((await asked(circle)).count).toBe(5);
	});

	it("that sends without end is read to half a megabyte", async () => {
		const address = await html(titled("endless"), { endless: "fast" });
		const { looked } = await look(address);
		expect(looked).toMatchObject({ state: "ready", preview: { title: "endless" } });
		await eventually(async () => expect((await asked(address)).left).toBe(1));
		// The rest was on its way.
		expect((await asked(address)).sent).toBeLessThan(20 * 2 ** 20);
	});

	it("that is slow is left alone after five seconds", async () => {
		const began = Date.now();
		const [slow, silent] = await Promise.all([
			html(titled("slow"), { endless: "slow" }).then((address) => look(address)),
			html(titled("silent"), { held: true }).then(async (address) => ({ ...(await look(address)), address })),
		]);
		expect([slow.looked.state, silent.looked.state]).toEqual(["failed", "failed"]);
		expect(Date.now() - began).toBeLessThan(8000);
		await release(silent.address);
	});

	it("that fails is another matter than one that has nothing", async () => {
		const states = async (status: number) => (await look(await html(titled("x"), { status }))).looked.state;
		expect([await states(500), await states(503), await states(429)]).toEqual(["failed", "failed", "failed"]);
		expect([await states(404), await states(403), await states(410)]).toEqual(["none", "none", "none"]);
		expect((await look("http://127.0.0.1:9/")).looked.state).toBe("none");
	});

	it("that lies about the type, or has no page, has nothing", async () => {
		const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
		const texts = { "content-type": "text/html" };
		expect((await look(await page({ base64: png, headers: texts }))).why).toBe("no title");
		for (const type of ["application/json", "image/png", "text/plain", "text/htmlx", "application/pdf", ""])
			expect((await look(await page({ text: titled("x"), headers: { "content-type": type } }))).why, type).toBe(
				"no page",
			);
		expect((await look(await page({ text: "", headers: texts }))).why).toBe("no title");
	});
});

describe("a page", () => {
	const read = async (head: string, more = {}) => (await look(await html(head, more))).looked.preview;

	it("says what it is in many ways", async () => {
		expect(
			await read(`<title>plain</title><meta name=description content="a plain one"><meta property="og:title" content="open">
				<meta property="og:description" content="an open one"><meta property="og:site_name" content="The Site">
				<meta name="twitter:title" content="tweeted">`),
		).toMatchObject({ title: "open", description: "an open one", siteName: "The Site", image: null });
		expect(await read(`<title>plain</title><meta name=description content="a plain one">`)).toMatchObject({
			title: "plain",
			description: "a plain one",
			siteName: null,
		});
		expect(await read(`<meta name="twitter:title" content="tweeted">`)).toMatchObject({
			title: "tweeted",
			description: null,
		});
		expect(await read(`<TITLE>\n  Two\n\tlines </TITLE><svg><title>of a picture</title></svg>`)).toMatchObject({
			title: "Two lines",
		});
	});

	it("is text, whatever is in it", async () => {
		expect(
			await read(
				`<title>&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; <b>x</b></title>
				<meta name="description" content="<img src=x onerror=alert(1)> &quot;q&quot; &#x1F600; &hellip;">`,
			),
		).toMatchObject({
			title: "<script>alert(1)</script> &amp; <b>x</b>",
			description: '<img src=x onerror=alert(1)> "q" 😀 …',
		});
		expect(await read(`<title>a\u202eb\u0000c\u2066d</title>`)).toMatchObject({
			title: expect.stringMatching(/^a b.*c d$/),
		});
		const long = await read(`<title>${"길".repeat(5000)}</title><meta name=description content="${"x".repeat(9000)}">`);
		expect([...(long?.title ?? "")].length).toBe(200);
		expect([...(long?.description ?? "")].length).toBe(400);
	});

	it("is read in the encoding that it is written in", async () => {
		const bytes = (head: string, text: number[], tail: string) =>
			btoa(
				String.fromCharCode(
					...[...head].map((c) => c.charCodeAt(0)),
					...text,
					...[...tail].map((c) => c.charCodeAt(0)),
				),
			);
		const korean = [0xbe, 0xc8, 0xb3, 0xe7];
		const japanese = [0x93, 0xfa, 0x96, 0x7b, 0x8c, 0xea];
		const chinese = [0xc4, 0xe3, 0xba, 0xc3];
		const titles = async (base64: string, type: string) =>
			(await look(await page({ base64, headers: { "content-type": type } }))).looked.preview?.title;
		expect(await titles(bytes("<title>", korean, "</title>"), "text/html; charset=EUC-KR")).toBe("안녕");
		expect(await titles(bytes('<meta charset="euc-kr"><title>', korean, "</title>"), "text/html")).toBe("안녕");
		expect(await titles(bytes("<title>", japanese, "</title>"), 'text/html;charset="Shift_JIS"')).toBe("日本語");
		expect(
			await titles(
				bytes('<meta http-equiv="Content-Type" content="text/html; charset=gb2312"><title>', chinese, "</title>"),
				"text/html",
			),
		).toBe("你好");
		expect(
			await titles(
				bytes(
					"\xff\xfe",
					[..."<title>x</title>"].flatMap((c) => [c.charCodeAt(0), 0]),
					"",
				),
				"text/html",
			),
		).toBe("x");
		expect(await titles(bytes("<title>", [0xed, 0x95, 0x9c], "</title>"), "text/html; charset=nonsense")).toBe("한");
	});

	it("is believed for a day, or as long as its server says, but for an hour at least", () => {
		const hours = (value: string | null) => lifetimeOf(value) / 3_600_000;
		expect(hours(null)).toBe(24);
		expect(hours("public, max-age=7200")).toBe(2);
		expect(hours("max-age=0")).toBe(1);
		expect(hours("no-store")).toBe(1);
		expect(hours("max-age=60, s-maxage=10800")).toBe(3);
		expect(hours("max-age=99999999999999999999")).toBe(24);
	});
});

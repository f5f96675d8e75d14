import { afterEach, beforeEach, expect, it } from "vitest";
import type { Kept, Layer } from "../src/cache/layer.ts";

export interface ContractOptions {
	/** Whether it knows the age of what it has: an older value then does not replace a newer one. */
	knowsAge: boolean;
	/** Milliseconds by which a lifetime may be rounded up. */
	late: number;
}

/** What every layer has to do as long as nothing fails; that it may forget at any time is no part of it. */
export function cacheContract(open: () => Layer, { knowsAge, late }: ContractOptions): void {
	const LIFETIME = 60_000;
	let layer: Layer;
	let run = "";
	/** Keys of this test alone. */
	const key = (name: string) => `test/${run}/${name}`;
	const now = () => Date.now();
	const kept = (value: unknown, asOf = now()): Kept => ({ value, asOf });
	const put = (entries: Record<string, Kept>, lifetime = LIFETIME) =>
		layer.put(new Map(Object.entries(entries).map(([name, each]) => [key(name), each])), lifetime);
	const get = async (...names: string[]) => {
		const found = await layer.get(names.map(key));
		return Object.fromEntries(Array.from(found, ([path, each]) => [path.slice(key("").length), each]));
	};

	beforeEach(() => {
		run = crypto.randomUUID();
		layer = open();
	});
	afterEach(() => layer.drop(["a", "b"].map(key)));

	it("keeps a value with its age, and leaves out what it does not have", async () => {
		const value = { text: "hello", count: 3, none: null, list: [1, "two", { three: true }], fraction: 0.1 };
		const asOf = now() - 1_234;
		await put({ a: kept(value, asOf) });
		expect(await get("a", "b")).toEqual({ a: { value, asOf } });
		expect(await get("b")).toEqual({});
	});

	it("keeps any JSON value", async () => {
		const values = ["", "text", 0, -1.5, true, false, null, [], {}, [[]], { "": "" }];
		await put(Object.fromEntries(values.map((value, at) => [`v${at}`, kept(value)])));
		const found = await get(...values.map((_, at) => `v${at}`));
		expect(values.map((_, at) => found[`v${at}`]?.value)).toEqual(values);
	});

	it("keeps keys and values in every script, and tells keys apart", async () => {
		const names = [
			"日本語",
			"é",
			"e\u0301",
			"👩‍👩‍👧",
			"a b",
			"a+b",
			"a%20b",
			"a/b",
			"a?b=c&d",
			"a#b",
			'"\\',
			"a\u0000b",
			"A",
			"*",
		];
		await put(Object.fromEntries(names.map((name) => [name, kept(`${name} is نص, 文本, текст 🦊 \u2028 \u0000`)])));
		const found = await get(...names);
		for (const name of names) expect(found[name]?.value, name).toBe(`${name} is نص, 文本, текст 🦊 \u2028 \u0000`);
		expect(await get("a", "e", "b", "")).toEqual({});
	});

	it("overwrites", async () => {
		const asOf = now();
		await put({ a: kept("old", asOf - 10), b: kept("other") });
		await put({ a: kept("new", asOf) });
		expect(await get("a")).toEqual({ a: { value: "new", asOf } });
		expect((await get("b")).b?.value).toBe("other");
	});

	it.runIf(knowsAge)("does not replace a newer value by an older one", async () => {
		const asOf = now();
		await put({ a: kept("new", asOf) });
		await put({ a: kept("old", asOf - 1) });
		expect(await get("a")).toEqual({ a: { value: "new", asOf } });
	});

	it("forgets what its lifetime is over, counted from its age", async () => {
		const lifetime = 1_000;
		await put({ a: kept("soon over", now() - 500), b: kept("over", now() - 1_001), c: kept("long over", 0) }, lifetime);
		expect(await get("b", "c")).toEqual({});
		await new Promise((resolve) => setTimeout(resolve, 520 + late));
		expect(await get("a")).toEqual({});
	});

	it("drops what it is told to, and nothing else", async () => {
		await put({ a: kept(1), b: kept(2), c: kept(3) });
		await layer.drop([key("a"), key("b"), key("never there")]);
		expect(Object.keys(await get("a", "b", "c"))).toEqual(["c"]);
		await put({ a: kept(4) });
		expect((await get("a")).a?.value).toBe(4);
	});

	it("takes empty lists", async () => {
		await layer.put(new Map(), LIFETIME);
		await layer.drop([]);
		expect((await layer.get([])).size).toBe(0);
	});

	it("keeps large values", async () => {
		const large = "0123456789".repeat(10_000);
		const wide = "文".repeat(50_000);
		await put({ a: kept(large), b: kept({ wide }) });
		const found = await get("a", "b");
		expect(found.a?.value === large).toBe(true);
		expect((found.b?.value as { wide: string } | undefined)?.wide === wide).toBe(true);
	});

	it("keeps and gives a thousand values at once", async () => {
		const names = Array.from({ length: 1_000 }, (_, at) => `n${at}`);
		await put(Object.fromEntries(names.map((name) => [name, kept({ name })])));
		const found = await get(...names, "n1000");
		expect(Object.keys(found).length).toBe(1_000);
		for (const name of names) expect(found[name]?.value).toEqual({ name });
		await layer.drop(names.map(key));
		expect(await get(...names)).toEqual({});
	}, 120_000);

	it("keeps one of the values that are put at the same time, whole", async () => {
		const asOf = now();
		const values = Array.from({ length: 20 }, (_, at) => `${at}`.repeat(1_000));
		await Promise.all(values.map((value, at) => put({ a: kept(value, asOf), [`own${at}`]: kept(value, asOf) })));
		const found = await get("a", ...values.map((_, at) => `own${at}`));
		expect(values).toContain(found.a?.value);
		expect(values.map((_, at) => found[`own${at}`]?.value)).toEqual(values);
	});
}

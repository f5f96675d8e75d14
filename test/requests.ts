import fc from "fast-check";
import { ID_PATTERN } from "../src/store/ids.ts";

/** Makes requests from an OpenAPI document: such as fit it, and such as do not fit it in one thing. */

interface Schema {
	$ref?: string;
	type?: string | string[];
	enum?: unknown[];
	const?: unknown;
	anyOf?: Schema[];
	oneOf?: Schema[];
	allOf?: Schema[];
	properties?: Record<string, Schema>;
	required?: string[];
	items?: Schema;
	prefixItems?: Schema[];
	minItems?: number;
	maxItems?: number;
	minLength?: number;
	maxLength?: number;
	pattern?: string;
	format?: string;
	minimum?: number;
	maximum?: number;
	exclusiveMinimum?: number;
	exclusiveMaximum?: number;
}

interface Parameter {
	name: string;
	in: "path" | "query" | "header" | "cookie";
	required?: boolean;
	schema: Schema;
}

interface Described {
	parameters?: Parameter[];
	requestBody?: { required?: boolean; content?: Record<string, { schema: Schema }> };
	responses: Record<string, unknown>;
	security?: Record<string, unknown>[];
}

export interface Document {
	paths: Record<string, Record<string, Described>>;
	components?: { schemas?: Record<string, Schema> };
}

/** A call that the document describes. */
export interface Operation {
	name: string;
	method: string;
	path: string;
	/** The ways to say who one is; empty when nobody is asked. */
	credentials: ("bearer" | "session" | "operator")[];
	/** Whether one may also say nothing. */
	isOpen: boolean;
	/** The statuses that it may answer with. */
	statuses: string[];
	parameters: Parameter[];
	body: Schema | undefined;
	/** The type of a body that is taken as it is. */
	raw: string | undefined;
	needsBody: boolean;
}

/** A request as it is sent, without a credential. */
export interface Sent {
	path: string;
	headers: Record<string, string>;
	text: string | undefined;
	/** What is wrong with it; undefined when nothing is. */
	fault?: string;
	/** Instead of the good credential; empty for none. */
	token?: string;
}

export function operationsOf({ paths, components }: Document): Operation[] {
	const known = components?.schemas ?? {};
	return Object.entries(paths).flatMap(([path, methods]) =>
		Object.entries(methods).map(([method, described]) => ({
			name: `${method.toUpperCase()} ${path}`,
			method: method.toUpperCase(),
			path,
			credentials: (described.security ?? []).flatMap((each) => Object.keys(each)) as Operation["credentials"],
			isOpen: (described.security ?? [{}]).some((each) => Object.keys(each).length === 0),
			statuses: Object.keys(described.responses),
			parameters: (described.parameters ?? []).map((each) => ({ ...each, schema: whole(each.schema, known) })),
			body: resolved(described.requestBody?.content?.["application/json"]?.schema, known),
			raw: Object.keys(described.requestBody?.content ?? {}).find((type) => !/json|form/.test(type)),
			needsBody: described.requestBody?.required === true,
		})),
	);
}

function resolved(schema: Schema | undefined, known: Record<string, Schema>): Schema | undefined {
	return schema && whole(schema, known);
}

/** A schema with what it refers to in its place. */
function whole(schema: Schema, known: Record<string, Schema>): Schema {
	const { $ref, allOf, ...rest } = schema;
	const of = (each: Schema) => whole(each, known);
	const parts = [...($ref ? [known[$ref.split("/").at(-1) ?? ""] ?? {}] : []), ...(allOf ?? [])].map(of);
	const { properties, items, prefixItems, anyOf, oneOf } = rest;
	return Object.assign({}, ...parts, rest, {
		...(properties && { properties: Object.fromEntries(Object.entries(properties).map(([k, v]) => [k, of(v)])) }),
		...(items && { items: of(items) }),
		...(prefixItems && { prefixItems: prefixItems.map(of) }),
		...(anyOf || oneOf ? { anyOf: [...(anyOf ?? []), ...(oneOf ?? [])].map(of) } : {}),
	});
}

/** What upsets parsers, databases and those who build texts of texts. */
const NASTY = [
	"' OR '1'='1' --",
	'"; DROP TABLE posts; --',
	"%27%20UNION%20SELECT%20token%20FROM%20session",
	"\0",
	"a\0b",
	"\ud800",
	"\udfff x",
	"\u202e\u200b\ufeff",
	"$" + "{process.env} {{7*7}} <%= 7 %> #{7}",
	"<script>alert(1)</script>",
	"../../../../etc/passwd",
	"\r\nX-Injected: yes\r\n\r\n",
	"__proto__",
	"constructor",
	"null",
	"-1",
	"1e999",
	"𝕳𝖊𝖑𝖑𝖔 👩‍👩‍👧 한국어 नमस्ते",
	"%s%n%x",
	"\\",
	'\\"',
	"{}",
	"[",
];

const text = fc.oneof(
	fc.constantFrom(...NASTY),
	fc.string({ unit: "binary", maxLength: 40 }),
	fc.string({ unit: "grapheme", maxLength: 40 }),
);

function bounded({ minLength = 0, maxLength = 300 }: Schema): fc.Arbitrary<string> {
	return fc
		.tuple(text, fc.constantFrom(minLength, maxLength, minLength + 3), fc.boolean())
		.map(([value, length, pad]) =>
			(pad || value.length < minLength ? value.padEnd(length, "x") : value).slice(0, maxLength),
		);
}

function fitting(schema: Schema): fc.Arbitrary<string> {
	const { pattern, format, minLength = 0, maxLength = 300 } = schema;
	if (pattern === ID_PATTERN.source) return SOME_ID;
	if (format === "email")
		return fc.oneof(
			fc.nat().map((n) => `fuzz${n}@feed.test`),
			fc.emailAddress(),
		);
	if (format === "uri") return fc.webUrl({ withQueryParameters: true, withFragments: true, size: "small" });
	if (format === "date-time")
		return fc
			.date({ min: new Date(), max: new Date("2200-01-01"), noInvalidDate: true })
			.map((date) => date.toISOString());
	if (pattern === undefined) return bounded(schema);
	return fc
		.stringMatching(new RegExp(pattern), { size: "small" })
		.filter(({ length }) => length >= minLength && length <= maxLength);
}

const SOME_ID = fc.oneof(
	fc.constantFrom("0000000000000", "7ZZZZZZZZZZZZ", "00000000ZZZZZ"),
	fc.stringMatching(ID_PATTERN),
);

/** What there is to be named by a field or parameter of some name, of operations with some path. */
export type Known = (name: string, path: string) => readonly string[];

export class Requests {
	readonly #known: Known;

	/** @param known is asked for each request anew */
	constructor(known: Known) {
		this.#known = known;
	}

	/** Requests that fit the document. */
	fitting(operation: Operation): fc.Arbitrary<Sent> {
		const parameters = operation.parameters.map((parameter) => {
			const value = this.#text(parameter, operation);
			const isNeeded = parameter.in === "path" || parameter.required;
			return isNeeded ? value : fc.option(value, { nil: undefined, freq: 1 });
		});
		const { body, path } = operation;
		const given = body
			? this.#valid(body, "", path).map((value) => JSON.stringify(value))
			: operation.raw
				? text.map((value) => value.toWellFormed())
				: fc.constant(undefined);
		return fc
			.tuple(fc.tuple(...parameters), operation.needsBody ? given : fc.option(given, { nil: undefined }))
			.map(([values, value]) => compose(operation, values, value));
	}

	/** Requests with one fault; undefined when there is nothing to get wrong. */
	broken(operation: Operation): fc.Arbitrary<Sent> | undefined {
		const { parameters, body, credentials, path } = operation;
		const good = this.fitting(operation);
		const faults: fc.Arbitrary<Sent>[] = [];
		const spoil = <T>(values: fc.Arbitrary<T>, spoiled: (sent: Sent, value: T) => Sent) =>
			faults.push(fc.tuple(good, values).map(([sent, value]) => spoiled(sent, value)));

		if (credentials[0] === "bearer" || credentials[0] === "session") {
			spoil(
				fc.oneof(fc.constantFrom("", "x", "a.b.c", "..", "x".repeat(5000)), fc.base64String({ maxLength: 90 })),
				(sent, token) => ({
					...sent,
					// A route that shows something to everybody asks no token of whoever brings none.
					token: token.trim() || "none.at.all",
					fault: "the token",
				}),
			);
		}
		for (const { name, in: where, schema } of parameters) {
			if (where === "path") {
				// What is no id may be a good name of something else.
				const fits = schema.pattern === undefined ? undefined : new RegExp(schema.pattern);
				const wrong = NO_IDS.filter((id) => !fits?.test(id));
				spoil(fc.constantFrom(...wrong), (sent, id) => ({
					...sent,
					path: replaced(sent.path, path, id),
					fault: name,
				}));
			} else if (where === "query") {
				const wrong = this.#wrongTexts(schema);
				if (wrong)
					spoil(wrong, (sent, value) => ({
						...sent,
						path: asked(sent.path, name, [value]),
						fault: `${name}=${value}`,
					}));
				const twice = this.#text({ name, schema }, operation);
				spoil(twice, (sent, value) => ({
					...sent,
					path: asked(sent.path, name, [value, value]),
					fault: `${name} twice`,
				}));
			} else if (where === "header") {
				const wrong = this.#wrongTexts(schema);
				const sendable = wrong?.filter((value) => /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value));
				if (sendable)
					spoil(sendable, (sent, value) => ({ ...sent, headers: { ...sent.headers, [name]: value }, fault: name }));
			}
		}
		if (operation.raw) {
			const types = fc.constantFrom("application/json", "text/plain", "multipart/form-data; boundary=x", "image/png");
			spoil(types, (sent, type) => ({
				...sent,
				headers: { ...sent.headers, "content-type": type },
				fault: `content-type: ${type}`,
			}));
		}
		if (body) {
			const asJson = (sent: Sent, text: string, fault: string): Sent => ({
				...sent,
				text,
				headers: { ...sent.headers, "content-type": "application/json" },
				fault,
			});
			spoil(fc.constantFrom("{", "", "}", "{'a':1}", '{"a":1}x', "\0", "[1", "nul", "NaN"), (sent, text) =>
				asJson(sent, text, "the JSON"),
			);
			spoil(fc.constantFrom("[]", "null", "5", '"text"', "true", "[{}]"), (sent, text) =>
				asJson(sent, text, "no object"),
			);
			spoil(
				fc.constantFrom("text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", ""),
				(sent, type) => ({
					...asJson(sent, sent.text ?? "{}", `content-type: ${type}`),
					headers: { ...sent.headers, "content-type": type || "application/octet-stream" },
				}),
			);
			// Also where the document would let it pass: nothing that is unknown may be taken in silence.
			const unknown = fc.constantFrom(
				"__proto__",
				"constructor",
				"prototype",
				"toString",
				"$where",
				"isAdmin",
				"a.b",
				"",
				"한",
			);
			spoil(fc.tuple(unknown, fc.jsonValue({ maxDepth: 2 })), (sent, [key, value]) => {
				const rest = (sent.text ?? "{}").replace(/^\{(?=.)/, "");
				const member = `${JSON.stringify(key)}:${JSON.stringify(value)}`;
				return asJson(sent, `{${member}${rest === "}" ? "" : ","}${rest}`, `the unknown ${key}`);
			});
			for (const [name, schema] of Object.entries(body.properties ?? {})) {
				spoil(this.#invalid(schema), (sent, value) => {
					const members = JSON.parse(sent.text ?? "{}") as Record<string, unknown>;
					return asJson(sent, JSON.stringify({ ...members, [name]: value }), `${name}: ${JSON.stringify(value)}`);
				});
				if (!body.required?.includes(name)) continue;
				spoil(fc.constant(name), (sent) => {
					const { [name]: _, ...members } = JSON.parse(sent.text ?? "{}") as Record<string, unknown>;
					return asJson(sent, JSON.stringify(members), `no ${name}`);
				});
			}
		}
		return faults.length === 0 ? undefined : fc.oneof(...faults);
	}

	/** A value in a path, a query or a header. */
	#text({ name, schema }: Pick<Parameter, "name" | "schema">, { path }: Operation): fc.Arbitrary<string> {
		return this.#valid(schema, name, path).map(String);
	}

	/** What fits; mostly what there is, where that can be told from the name. */
	#valid(schema: Schema, name: string, path: string): fc.Arbitrary<unknown> {
		const any = this.#anything(schema, name, path);
		if (name === "") return any;
		const known = fc.nat().map((n) => {
			const values = this.#known(name, path);
			return values[n % values.length];
		});
		return fc
			.tuple(known, any, fc.nat(4))
			.map(([value, other, which]) => (value === undefined || which === 0 ? other : value));
	}

	#anything(schema: Schema, name: string, path: string): fc.Arbitrary<unknown> {
		if (schema.enum) return fc.constantFrom(...schema.enum);
		if ("const" in schema) return fc.constant(schema.const);
		if (schema.anyOf) return fc.oneof(...schema.anyOf.map((each) => this.#anything(each, name, path)));
		const types = [schema.type ?? []].flat();
		return types.length === 0
			? fc.jsonValue({ maxDepth: 2 })
			: fc.oneof(...types.map((type) => this.#ofType(type, schema, path)));
	}

	#ofType(type: string, schema: Schema, path: string): fc.Arbitrary<unknown> {
		const { minItems = 0, maxItems = 4, properties = {}, required = [] } = schema;
		switch (type) {
			case "null":
				return fc.constant(null);
			case "boolean":
				return fc.boolean();
			case "integer":
				return fc.integer(rangeOf(schema));
			case "number":
				return fc.double({ ...rangeOf(schema), noNaN: true });
			case "array": {
				if (schema.prefixItems) return fc.tuple(...schema.prefixItems.map((each) => this.#valid(each, "", path)));
				const items = schema.items ? this.#valid(schema.items, "", path) : fc.jsonValue({ maxDepth: 1 });
				return fc.array(items, { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 4)) });
			}
			case "object":
				return fc.record(
					Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, this.#valid(each, name, path)])),
					{
						requiredKeys: required.filter((name) => name in properties),
					},
				);
			default:
				return fitting(schema);
		}
	}

	/** Values that do not fit. */
	#invalid(schema: Schema): fc.Arbitrary<unknown> {
		const parts = schema.anyOf ?? [schema];
		const types = new Set(parts.flatMap(({ type, enum: values = [] }) => type ?? values.map((value) => typeof value)));
		const wrong: unknown[] = [];
		const of = (type: string, ...values: unknown[]) => void (types.has(type) || wrong.push(...values));
		of("null", null);
		of("boolean", true, false);
		of("string", "", "x", "5", "true");
		of("array", [], [null], [[]]);
		of("object", {}, { toString: "x" }, { length: 5 });
		if (!types.has("number")) wrong.push(1.5, ...(types.has("integer") ? [] : [0, 5, -1]));
		for (const { minimum, maximum, exclusiveMinimum, maxItems, type } of parts) {
			if (minimum !== undefined && minimum > -1e15) wrong.push(minimum - 1);
			if (maximum !== undefined && maximum < 1e15) wrong.push(maximum + 1);
			if (exclusiveMinimum !== undefined) wrong.push(exclusiveMinimum);
			if (type === "array" && maxItems !== undefined && maxItems <= 1000) wrong.push(Array(maxItems + 1).fill(null));
		}
		const texts = types.has("string") && parts.length === 1 ? this.#wrongTexts(schema) : undefined;
		return texts ? fc.oneof(fc.constantFrom(...wrong), texts) : fc.constantFrom(...wrong);
	}

	/** Texts that do not fit, in a query, a header or a field that is text. */
	#wrongTexts(schema: Schema): fc.Arbitrary<string> | undefined {
		const { type, enum: values, pattern, format, minLength = 0, maxLength, minimum, maximum } = schema;
		const wrong: fc.Arbitrary<string>[] = [];
		const types = [type ?? []].flat();
		if (types.includes("integer") || types.includes("number")) {
			const numbers = ["x", "1.5", "1e400", "NaN", "-Infinity", "--1", "5 5", "5;", "٥"];
			if (minimum !== undefined) numbers.push(String(minimum - 1));
			if (maximum !== undefined && maximum < 1e15) numbers.push(String(maximum + 1));
			return fc.constantFrom(...numbers);
		}
		if (values) wrong.push(text.filter((value) => !values.includes(value)));
		if (format !== undefined) wrong.push(fc.constantFrom("x", "", "@", "://", "2020", "a b", "javascript:alert(1)"));
		if (pattern !== undefined && values === undefined) {
			const fits = new RegExp(pattern);
			wrong.push(text.filter((value) => !fits.test(value)));
		}
		if (minLength > 0) wrong.push(fc.constant(""));
		if (maxLength !== undefined)
			wrong.push(fc.constant("x".repeat(maxLength + 1)), fc.constant("x".repeat(maxLength + 5000)));
		return wrong.length === 0 ? undefined : fc.oneof(...wrong);
	}
}

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, type }: Schema): { min: number; max: number } {
	const step = [type].flat().includes("integer") ? 1 : 0.5;
	const min = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + step);
	const max = maximum ?? (exclusiveMaximum === undefined ? undefined : exclusiveMaximum - step);
	return { min: Math.max(min ?? -1000, -2_147_483_648), max: Math.min(max ?? 100_000, 2_147_483_647) };
}

/** What stands where an id should, encoded for a path. */
const NO_IDS = [
	"x",
	"me2",
	"000000000000",
	"00000000000000",
	"8000000000000",
	"0c1rz5a8w3k0t",
	"0000000000000%00",
	"%00",
	"%ff",
	"%F0%9F%A6%8A",
	"0000000000000%20",
	"%2F..%2F0000000000000",
	"0000000000000;",
	"'%20OR%201=1--",
	"__proto__",
	"-1",
	"0000000000000%0a",
];

function replaced(sent: string, path: string, id: string): string {
	const [place = "", query] = sent.split("?");
	const at = path.split("/").findIndex((part) => part.startsWith("{"));
	const changed = place.split("/").map((part, n) => (n === at ? id : part));
	return changed.join("/") + (query === undefined ? "" : `?${query}`);
}

function asked(sent: string, name: string, values: readonly string[]): string {
	const [path, query] = sent.split("?");
	const search = new URLSearchParams(query);
	search.delete(name);
	for (const value of values) search.append(name, value);
	return `${path}?${search}`;
}

function compose(operation: Operation, values: readonly (string | undefined)[], body: string | undefined): Sent {
	let { path } = operation;
	const search = new URLSearchParams();
	const headers: Record<string, string> =
		body === undefined ? {} : { "content-type": operation.raw ?? "application/json" };
	for (const [n, parameter] of operation.parameters.entries()) {
		const value = values[n];
		if (value === undefined) continue;
		if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value.toWellFormed()));
		else if (parameter.in === "query") search.set(parameter.name, value);
		else if (/^[\x21-\x7e]+$/.test(value)) headers[parameter.name] = value;
	}
	return { path: search.size > 0 ? `${path}?${search}` : path, headers, text: body };
}

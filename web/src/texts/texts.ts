import type { ComponentChildren } from "preact";
import type { English } from "./en/index.ts";

/** What the app speaks, each by its own name. */
export const LANGUAGES = { en: "English", ko: "한국어", ja: "日本語" } as const;
export type Language = keyof typeof LANGUAGES;

/** A text that depends on a number: its forms as `Intl.PluralRules` names them. */
export interface Plural {
	readonly zero?: string;
	readonly one?: string;
	readonly other: string;
}

/** An area of texts in another language: the same keys as in English. */
export type Translation<Area> = { readonly [Key in keyof Area]: string | Plural };
export type Dictionary = { readonly [Area in keyof English]: Translation<English[Area]> };

type Areas = { [Area in keyof English & string]: `${Area}.${keyof English[Area] & string}` };
/** `area.name` of a text. */
export type TextKey = Areas[keyof Areas];

type Entry<Key> = Key extends `${infer Area}.${infer Name}`
	? Area extends keyof English
		? Name extends keyof English[Area]
			? English[Area][Name]
			: never
		: never
	: never;
type Forms<Text> = Text extends string ? Text : Text[keyof Text];
type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;
/** The names in braces that the English text has. */
export type Blanks<Key> = Names<Forms<Entry<Key>>>;

type Values<Key, Value> = [Blanks<Key>] extends [never] ? [] : [Record<Blanks<Key>, Value>];

const load: Record<Language, () => Promise<{ dictionary: Dictionary }>> = {
	en: () => import("./en/index.ts"),
	ko: () => import("./ko/index.ts"),
	ja: () => import("./ja/index.ts"),
};

let current: Language = "en";
let texts: Dictionary | undefined;
let plural = new Intl.PluralRules("en");
let number = new Intl.NumberFormat("en");

/** The language that texts are in now. */
export function language(): Language {
	return current;
}

/** Has all texts be in a language from now on. What is on the screen is drawn anew by who calls (`app.tsx`). */
export async function loadLanguage(wanted: Language): Promise<void> {
	const { dictionary } = await load[wanted]();
	useDictionary(wanted, dictionary);
	if (typeof document !== "undefined") document.documentElement.lang = wanted;
}

/** Has texts come from a dictionary that is here already. */
export function useDictionary(wanted: Language, dictionary: Dictionary): void {
	current = wanted;
	texts = dictionary;
	plural = new Intl.PluralRules(wanted);
	number = new Intl.NumberFormat(wanted);
}

/**
 * A text in the reader's language, with its blanks filled; numbers as that language writes them. One that has plural
 * forms is chosen by `count`.
 */
export function t<Key extends TextKey>(key: Key, ...[values]: Values<Key, string | number>): string {
	const given = (values ?? {}) as Record<string, string | number>;
	return pieces(key, given)
		.map((piece) => (typeof piece === "number" ? number.format(piece) : piece))
		.join("");
}

/** The same with elements in its blanks: a list of children. */
export function tWith<Key extends TextKey>(key: Key, ...[values]: Values<Key, ComponentChildren>): ComponentChildren[] {
	return pieces(key, (values ?? {}) as Record<string, ComponentChildren>);
}

/** A number as the reader's language writes it, shortened when it is large: 1.2K, 1.2천. */
export function shortNumber(value: number): string {
	return new Intl.NumberFormat(current, { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

function pieces<Value>(key: TextKey, values: Record<string, Value>): (Value | string)[] {
	return split(formOf(key, values.count), values);
}

function formOf(key: TextKey, count: unknown): string {
	const dot = key.indexOf(".");
	const area = texts?.[key.slice(0, dot) as keyof Dictionary] as Record<string, string | Plural> | undefined;
	const entry = area?.[key.slice(dot + 1)];
	if (entry === undefined) return key;
	if (typeof entry === "string") return entry;
	const form = typeof count === "number" ? plural.select(count) : "other";
	return entry[form as keyof Plural] ?? entry.other;
}

/** The text around its blanks, and what belongs into them; a blank without a value stays as it is. */
export function split<Value>(text: string, values: Record<string, Value>): (Value | string)[] {
	return text
		.split(/\{(\w+)\}/)
		.map((piece, index) =>
			index % 2 === 0 ? piece : Object.hasOwn(values, piece) ? (values[piece] as Value) : `{${piece}}`,
		)
		.filter((piece) => piece !== "");
}

const KEPT = "edgefeed.language";

/** What its owner chose, else the first of the browser's languages that there is, else English. */
export function preferredLanguage(kept: string | null, wanted: readonly string[]): Language {
	for (const each of kept === null ? wanted : [kept, ...wanted]) {
		const name = each.toLowerCase().split("-")[0] ?? "";
		if (Object.hasOwn(LANGUAGES, name)) return name as Language;
	}
	return "en";
}

export function keptLanguage(): string | null {
	return localStorage.getItem(KEPT);
}

export function keepLanguage(wanted: Language): void {
	localStorage.setItem(KEPT, wanted);
}

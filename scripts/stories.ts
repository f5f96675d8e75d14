/** Names and stories in Korean, Japanese and English: what a feed in Asia looks like. */
import { base, en, Faker, ja, ko } from "@faker-js/faker";

export type Language = "ko" | "ja" | "en";

/** Fills `{place}`, `{food}` and the like from the lists below. */
const TEMPLATES: Readonly<Record<Language, readonly string[]>> = {
	ko: [
		"오늘 {place}에서 {food} 먹었는데 진짜 맛있었다 😋",
		"{place} 야경은 언제 봐도 좋네요.",
		"주말에 {person}이랑 {place} 다녀왔어요. 사진은 나중에!",
		"{food} 만드는 법 아시는 분? 세 번째 실패 중입니다…",
		"비 오는 날엔 역시 {food}.",
		"드디어 시험 끝! 내일부터 {hobby} 다시 시작한다.",
		"아침 {hobby} 30일째. 몸이 가벼워졌다.",
		"{place} 가는 지하철에서 우산을 두고 내렸다. 혹시 보신 분 🙏",
	],
	ja: [
		"{place}で食べた{food}が忘れられない。また行きたい!",
		"今日は{person}さんと{place}を散歩しました。桜がきれい🌸",
		"{food}を作ってみたけど、ちょっと焦げた…",
		"週末は{hobby}の予定です。誰か一緒にどうですか?",
		"朝の{place}、人が少なくて気持ちいい。",
		"{hobby}を始めて半年。少しずつ上手になってきた気がする。",
		"やっと仕事が終わった。{food}で乾杯!",
		"電車が止まって{place}で一時間待ち。本を持ってきてよかった。",
	],
	en: [
		"Tried {food} in {place} today. Ten out of ten, would queue again.",
		"Sunset over {place}. No filter needed.",
		"Day 12 of {hobby}: everything hurts, send {food}.",
		"Anyone up for {hobby} in {place} this weekend?",
		"{person} taught me how to make {food}. The kitchen survived.",
		"Missed the last train from {place}. Long walk, good podcast.",
		"New month, new plan: more {hobby}, less scrolling.",
		"Found my old photos from {place}. How was that six years ago?",
	],
};

const WORDS: Readonly<Record<Language, Readonly<Record<string, readonly string[]>>>> = {
	ko: {
		place: ["성수동", "한강", "제주", "부산 해운대", "전주", "경주", "홍대"],
		food: ["떡볶이", "냉면", "김치찌개", "붕어빵", "삼겹살", "빙수"],
		hobby: ["달리기", "클라이밍", "뜨개질", "기타", "수영"],
	},
	ja: {
		place: ["京都", "鎌倉", "渋谷", "札幌", "福岡", "箱根", "浅草"],
		food: ["ラーメン", "お好み焼き", "寿司", "たこ焼き", "抹茶パフェ", "うどん"],
		hobby: ["登山", "写真", "ランニング", "ピアノ", "釣り"],
	},
	en: {
		place: ["Singapore", "Hanoi", "Taipei", "Bali", "Melbourne", "Lisbon", "Brooklyn"],
		food: ["laksa", "pho", "dumplings", "ramen", "sourdough", "mango sticky rice"],
		hobby: ["running", "bouldering", "pottery", "surfing", "film photography"],
	},
};

const BIOS: Readonly<Record<Language, readonly string[]>> = {
	ko: ["서울에 삽니다", "고양이 두 마리와 함께", "커피와 책", ""],
	ja: ["東京在住", "猫が好きです", "写真と旅行", ""],
	en: ["Coffee, trains, long walks", "Based in Singapore", "Making things", ""],
};

/** A source of chance and of words, the same for the same seed. */
export class Teller {
	readonly #fakers: Readonly<Record<Language, Faker>>;
	readonly #chance: Faker;

	constructor(seed: number) {
		this.#fakers = {
			ko: new Faker({ locale: [ko, en, base], seed }),
			ja: new Faker({ locale: [ja, en, base], seed }),
			en: new Faker({ locale: [en, base], seed }),
		};
		this.#chance = this.#fakers.en;
	}

	/** A whole number from 0 to `below` - 1. */
	int(below: number): number {
		return this.#chance.number.int({ min: 0, max: below - 1 });
	}

	/** A fraction in [0, 1). */
	fraction(): number {
		return this.#chance.number.float();
	}

	pick<T>(values: readonly T[]): T {
		return this.#chance.helpers.arrayElement(values);
	}

	language(): Language {
		return this.#chance.helpers.weightedArrayElement<Language>([
			{ value: "ko", weight: 45 },
			{ value: "ja", weight: 30 },
			{ value: "en", weight: 25 },
		]);
	}

	/** A name to show, and one of Latin letters for the username. */
	person(language: Language): { displayName: string; latin: string } {
		const latin = this.#chance.person
			.firstName()
			.toLowerCase()
			.replace(/[^a-z]/g, "");
		return { displayName: this.#fakers[language].person.fullName(), latin };
	}

	bio(language: Language): string {
		return this.pick(BIOS[language]);
	}

	story(language: Language): string {
		return this.pick(TEMPLATES[language]).replace(/\{(\w+)\}/g, (_, slot: string) =>
			slot === "person" ? this.#fakers[language].person.firstName() : this.pick(WORDS[language][slot] ?? [""]),
		);
	}
}

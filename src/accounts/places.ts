import type { Region } from "../store/shard-map.ts";

/** Countries that another hint than their continent's serves better. */
const CONTINENTS: Readonly<Record<string, Region>> = {
	AS: "apac",
	OC: "oc",
	AF: "afr",
	SA: "sam",
	NA: "enam",
	EU: "weur",
};
const COUNTRIES: Readonly<Record<string, Region>> = {
	...fill("me", "AE BH IL IQ IR JO KW LB OM QA SA SY TR YE"),
	...fill("eeur", "BG BY CZ EE FI GR HU LT LV MD PL RO RS RU SK UA"),
};
const WESTERN_STATES = new Set("AK AZ CA CO HI ID MT NM NV OR UT WA WY BC AB YT".split(" "));

/** The home region for someone who signs up from here. */
export function regionOf(
	place: Pick<IncomingRequestCfProperties, "country" | "continent" | "regionCode"> | undefined,
	fallback: Region,
): Region {
	const region = COUNTRIES[String(place?.country)] ?? CONTINENTS[String(place?.continent)] ?? fallback;
	return region === "enam" && WESTERN_STATES.has(String(place?.regionCode)) ? "wnam" : region;
}

function fill(region: Region, countries: string): Record<string, Region> {
	return Object.fromEntries(countries.split(" ").map((country) => [country, region]));
}

import { z } from "zod";
import type { Id } from "../store/ids.ts";
import { regionSchema, type ShardMap } from "../store/shard-map.ts";

/** Where Cloudflare keeps an object by law (https://developers.cloudflare.com/durable-objects/reference/data-location/). */
const jurisdictionSchema = z.enum(["eu", "us", "fedramp", "fedramp-high"]);
export type Jurisdiction = z.infer<typeof jurisdictionSchema>;

/** The jurisdiction of each home region that has one. */
export const jurisdictionsSchema = z.partialRecord(regionSchema, jurisdictionSchema);
export type Jurisdictions = z.infer<typeof jurisdictionsSchema>;

/**
 * Where accounts are at home, which their ids say and nothing else: not where a request comes from, nor what a profile
 * says. A traveller keeps her home.
 */
export class Homes {
	readonly #map: ShardMap;
	readonly #jurisdictions: Jurisdictions;
	/** Every jurisdiction that an account may be in; undefined is none. */
	readonly all: readonly (Jurisdiction | undefined)[];

	constructor(map: ShardMap, jurisdictions: Jurisdictions) {
		this.#map = map;
		this.#jurisdictions = jurisdictions;
		this.all = [...new Set([undefined, ...Object.values(jurisdictions)])];
	}

	jurisdictionOf(account: Id): Jurisdiction | undefined {
		return this.#jurisdictions[this.#map.regionOf(account)];
	}

	/** Where an account's own objects are put when they are made. */
	hintOf(account: Id): DurableObjectLocationHint {
		return this.#map.regionOf(account);
	}
}

/** The part of a namespace that is in a jurisdiction: the same name is another object in each. */
export function inJurisdiction<T extends Rpc.DurableObjectBranded | undefined>(
	namespace: DurableObjectNamespace<T>,
	jurisdiction: Jurisdiction | undefined,
): DurableObjectNamespace<T> {
	return jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
}

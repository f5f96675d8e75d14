import { describe } from "vitest";
import { Breaker } from "../../src/cache/breaker.ts";
import { cacheContract } from "../cache-contract.ts";
import { grid } from "./grid.ts";

const options = { knowsAge: false, late: 0 };
const now = () => Date.now();
const tally = { add: () => undefined };

describe("Redis", () => cacheContract(grid, options));
describe("Redis behind a breaker", () =>
	cacheContract(() => new Breaker(grid(), { limit: 5_000, tally, now }), options));

/** How long a page takes that is far down, beside the second one. */
import { median } from "../results.ts";
import type { Scene, Stage } from "./stage.ts";

const TIMES = 40;
const STEP = 100;

interface Page {
	items: { id: string }[];
	next: string | null;
}

export interface Deep {
	/** Milliseconds, medians. */
	second: number;
	deep: number;
	/** How many posts down. */
	depth: number;
}

/** The longest feed, read to so many posts down, or nearly to its end; then one page after the other, each read once. */
export async function deep(stage: Stage, scene: Scene, wanted: number): Promise<Deep> {
	const { deepest, depth: length } = stage.population;
	const depth = Math.min(wanted, length - TIMES * 20 - STEP);
	const read = async (query: string) => {
		const start = performance.now();
		const response = await scene.get(stage.as(deepest, `/v1/feed?${query}`));
		const page = (await response.json()) as Page;
		if (!response.ok) throw new Error(`GET /v1/feed answered ${response.status}: ${JSON.stringify(page)}`);
		return { page, milliseconds: performance.now() - start };
	};
	const after = (page: Page) => {
		if (page.next === null) throw new Error("the longest feed ended before its time");
		return `cursor=${page.next}`;
	};
	const first = after((await read("limit=20")).page);
	let there = after((await read(`limit=${STEP}`)).page);
	for (let down = STEP; down < depth; down += STEP) there = after((await read(`limit=${STEP}&${there}`)).page);
	const second: number[] = [];
	const far: number[] = [];
	for (let n = 0; n < TIMES; n++) {
		second.push((await read(`limit=20&${first}`)).milliseconds);
		const { page, milliseconds } = await read(`limit=20&${there}`);
		far.push(milliseconds);
		there = after(page);
	}
	return { second: median(second), deep: median(far), depth };
}

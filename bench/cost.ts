import type { Check } from "./results.ts";
export async function cost(_args: string[]): Promise<Check[]> {
	return [];
}

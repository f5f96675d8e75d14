import type { Teller } from "../scripts/stories.ts";

/** Picks one, each as often as its weight says. */
export function pickWeighted<T extends { weight: number }>(random: Teller, choices: readonly T[]): T | undefined {
	const total = choices.reduce((sum, { weight }) => sum + weight, 0);
	let at = random.int(Math.max(total, 1));
	for (const choice of choices) {
		if (at < choice.weight) return choice;
		at -= choice.weight;
	}
	return undefined;
}

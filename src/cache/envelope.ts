import { z } from "zod";
import type { Kept } from "./layer.ts";

const envelopeSchema = z.object({ key: z.string(), asOf: z.number(), value: z.unknown() });

/** The text that keeps a value outside the isolate: JSON of its key, its `asOf` and itself. */
export function seal(key: string, { asOf, value }: Kept): string {
	return JSON.stringify({ key, asOf, value });
}

/** Undefined when the text is none of {@link seal}'s, or another key's. */
export function unseal(key: string, text: unknown): Kept | undefined {
	if (typeof text !== "string") return undefined;
	try {
		const envelope = envelopeSchema.safeParse(JSON.parse(text));
		if (!envelope.success || envelope.data.key !== key) return undefined;
		return { value: envelope.data.value, asOf: envelope.data.asOf };
	} catch {
		return undefined;
	}
}

/** Those of some keys whose texts, in the same order, are theirs. */
export function unsealAll(keys: readonly string[], texts: readonly unknown[]): ReadonlyMap<string, Kept> {
	const found = new Map<string, Kept>();
	for (const [at, key] of keys.entries()) {
		const kept = unseal(key, texts[at]);
		if (kept) found.set(key, kept);
	}
	return found;
}

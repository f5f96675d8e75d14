import { z } from "zod";
import { type Id, isId } from "../store/ids.ts";

/** The message of the `deliver` queue: look at this chunk. All that it takes is in the store, nothing secret travels. */
export const chunkMessageSchema = z.object({
	v: z.literal(1),
	jobId: z
		.string()
		.refine(isId)
		.transform((id) => id as Id),
	chunk: z.int().min(0),
});
export type ChunkMessage = z.infer<typeof chunkMessageSchema>;

/** Seconds until a message comes again: doubles from five to an hour, with up to a tenth of chance. */
export function retryDelay(attempts: number, random: number): number {
	return Math.min(3600, Math.ceil(5 * 2 ** Math.min(attempts - 1, 10) * (1 + random / 10)));
}

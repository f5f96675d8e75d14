import { z } from "zod";
import { type Id, isId } from "../store/ids.ts";

const id = z.string().refine(isId) as unknown as z.ZodType<Id>;
/** The `traceparent` of what sent it. */
const trace = z.string().max(100).optional().catch(undefined);

/** The message of the `previews` queue: look at this job, or at the address under this key. No address travels. */
export const previewMessageSchema = z.union([
	z.object({ v: z.literal(1), jobId: id, trace }),
	z.object({ v: z.literal(1), previewId: id, trace }),
]);
export type PreviewMessage = z.infer<typeof previewMessageSchema>;

import type { Context } from "hono";

/** The answer of a mutation says in it which number the caller's timeline has come to, for `minSeq` of her next read. */
export const SEQ_HEADER = "X-Feed-Seq";

/** @param seq null when the timeline could not be asked: then the header is left out */
export function sendSeq(c: Context, seq: number | null): void {
	if (seq !== null) c.header(SEQ_HEADER, String(seq));
}

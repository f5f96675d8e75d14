/** Characters of a token; ours have some 500. */
const LONGEST = 4096;

/**
 * A part in base64url (RFC 4648, section 5) as an encoder writes it. Decoders also take padding, white space and bits
 * that nothing is made of, and a signature is over the texts of the other parts but not over its own: without this a
 * token has many texts.
 */
const PART = "(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?";
const COMPACT = new RegExp(`^${PART}\\.${PART}\\.${PART}$`);

/** Whether a text can be a JWS in its compact form (RFC 7515, section 7.1), before anything is decoded. */
export function isCompact(text: string): boolean {
	return text.length <= LONGEST && COMPACT.test(text);
}

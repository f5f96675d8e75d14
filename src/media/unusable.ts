/** Why an upload came to nothing; `docs/media.md` explains. */
export const FAULTS = [
	"type_mismatch",
	"unreadable",
	"too_many_pixels",
	"too_long",
	"incomplete",
	"not_processed",
] as const;
export type Fault = (typeof FAULTS)[number];

/** Thrown when what was uploaded is not to be had, however often it is tried. */
export class Unusable extends Error {
	readonly fault: Fault;

	constructor(fault: Fault) {
		super(fault);
		this.name = "Unusable";
		this.fault = fault;
	}
}

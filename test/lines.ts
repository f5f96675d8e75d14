import { vi } from "vitest";

/** A line of the log. */
export interface Line {
	time: string;
	level: "info" | "error";
	message: string;
	trace?: string;
	span?: string;
	parent?: string;
	requestId?: string;
	[field: string]: unknown;
}

/** Collects what the Worker writes to its log from now on; `vi.restoreAllMocks` ends it. */
export function collectLines(): Line[] {
	const lines: Line[] = [];
	const take = (text: unknown) => {
		try {
			const line: Line = JSON.parse(String(text));
			if (line.time) lines.push(line);
		} catch {
			// Somebody else's words.
		}
	};
	vi.spyOn(console, "log").mockImplementation(take);
	vi.spyOn(console, "error").mockImplementation(take);
	return lines;
}

/** Writes a failure that was dealt with to the log: one line of JSON, with what tells where it was. */
export function reportFailure(message: string, error: unknown, where: Readonly<Record<string, unknown>> = {}): void {
	console.error(JSON.stringify({ level: "error", message, ...where, error: String(error) }));
}

/** What a page of the tests answers. */
export interface Page {
	status?: number;
	headers?: Record<string, string>;
	text?: string;
	/** The body, when it is no text. */
	base64?: string;
	/** After the body: bytes without an end, as fast as they are taken, or one by one. */
	endless?: "fast" | "slow";
	/** Answers only when it is told to: `POST` to the same address. */
	held?: boolean;
}

/** What has been asked of a page. */
export interface Asked {
	count: number;
	headers: Readonly<Record<string, string | string[] | undefined>>[];
	/** Bytes that an endless page has sent. */
	sent: number;
	/** Endless answers that nobody takes any more. */
	left: number;
}

/** Something that somebody did, for the audit log. */
export interface AuditEntry {
	/** What was done: a word of `docs/audit-log.md`. */
	act: string;
	/** An account's id, `operator` (who knows the secret), `key:<id>`, or `nobody`. */
	actor: string;
	/** The account that it was done to. */
	subject?: string;
	requestId?: string;
	/** Ids and words; never an address, a name, a password or a token. */
	detail?: Readonly<Record<string, string>>;
}

/** Where entries are kept: what is privileged is recorded before it is done, a sign-in after it. */
export interface AuditTrail {
	/** The entry is kept when this answers. */
	record(entry: AuditEntry): Promise<void>;
	/** What stands for an IP address: the same for the same one, and of no use to whoever lacks our secret. */
	mark(address: string): Promise<string>;
}

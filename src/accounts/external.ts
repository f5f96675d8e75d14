import type { ExternalAccount, ExternalPerson } from "../gateway/trusted-issuers.ts";
import { type Id, type IdMinter, timeOf } from "../store/ids.ts";
import type { Region, ShardMap } from "../store/shard-map.ts";
import { USERNAME_LENGTH } from "./auth.ts";
import type { NewProfile } from "./store.ts";

/** Somebody whom an issuer, or a server of the operator's, names. */
export interface NewExternal {
	issuer: string;
	subject: string;
	username: string | undefined;
	name: string | undefined;
	email: { address: string; verified: boolean } | undefined;
	region: Region | undefined;
}

/** What became of one: her account, or the name that another account has. */
export type Provisioned = { id: Id; created: boolean } | { refused: "username_taken" | "email_taken" };

export interface ExternalOptions {
	database: D1Database;
	map: ShardMap;
	minter: IdMinter;
	defaultRegion: Region;
	now: () => number;
	random: () => number;
	/** Makes the account's profile when it is not there yet. */
	ensureProfile: (profile: NewProfile) => Promise<void>;
}

interface Row extends Omit<ExternalAccount, "hidden"> {
	username: string;
	name: string;
	region: Region;
	profiled: number;
}

/** Tries with other names when the one that is wanted is taken. */
const TRIES = 3;

/**
 * Accounts of people whom others name: the same issuer and subject is the same account, whoever asks first and however
 * many at once. An account is never found by its e-mail address: that would hand it to whoever can have another issuer
 * write that address.
 */
export class ExternalIdentities {
	readonly #options: ExternalOptions;

	constructor(options: ExternalOptions) {
		this.#options = options;
	}

	/** The account of who shows a token; what is taken of her names is replaced, so that she is never turned away. */
	async accountOf(person: ExternalPerson): Promise<Omit<ExternalAccount, "hidden">> {
		const known = await this.#find(person);
		if (known) return this.#ready(person, known);
		let { username, email } = person;
		for (let attempt = 1; attempt <= TRIES; attempt++) {
			const made = await this.#make({ ...person, username: username && usernameOf(username), email });
			if (!("refused" in made)) return made.row;
			if (made.refused === "email_taken") email = undefined;
			else username = undefined;
		}
		throw new Error("an account of another issuer could not be made");
	}

	/** Makes an account, or finds the one that there is, which stays as it is. */
	async provision(person: NewExternal): Promise<Provisioned> {
		const known = await this.#find(person);
		if (known) return { id: (await this.#ready(person, known)).id, created: false };
		const made = await this.#make(person);
		return "refused" in made ? made : { id: made.row.id, created: made.created };
	}

	async #make(
		person: NewExternal,
	): Promise<{ row: Row; created: boolean } | { refused: "username_taken" | "email_taken" }> {
		const { database, map, minter, defaultRegion, now, random } = this.#options;
		const { issuer, subject, email } = person;
		const region = person.region ?? defaultRegion;
		const id = minter.mint(map.draw(region, random()));
		const username = person.username?.toLowerCase() ?? `user_${id.toLowerCase()}`;
		const name = person.name ?? person.username ?? username;
		const at = new Date(timeOf(id)).toISOString();
		const [, , found] = await database.batch<Row>([
			database
				.prepare(
					`INSERT INTO user (id, name, email, emailVerified, username, displayUsername, region, createdAt, updatedAt)
					SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8
					WHERE NOT EXISTS (SELECT 1 FROM external_identities WHERE issuer = ?9 AND subject = ?10)
					ON CONFLICT DO NOTHING`,
				)
				.bind(
					id,
					name,
					email?.address.toLowerCase() ?? placeholder(id),
					email?.verified ? 1 : 0,
					username,
					person.username ?? username,
					region,
					at,
					issuer,
					subject,
				),
			database
				.prepare(
					`INSERT INTO external_identities (issuer, subject, account_id, created_at)
					SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM user WHERE id = ?3)`,
				)
				.bind(issuer, subject, id, now()),
			this.#select(person),
		]);
		const [row] = found?.results ?? [];
		if (row) return { row: await this.#ready(person, row), created: row.id === id };
		const taken = await database.prepare("SELECT 1 FROM user WHERE username = ?").bind(username).first();
		return { refused: taken ? "username_taken" : "email_taken" };
	}

	async #find(person: Pick<NewExternal, "issuer" | "subject">): Promise<Row | undefined> {
		return (await this.#select(person).first<Row>()) ?? undefined;
	}

	#select({ issuer, subject }: Pick<NewExternal, "issuer" | "subject">): D1PreparedStatement {
		return this.#options.database
			.prepare(
				`SELECT account_id AS id, not_before AS notBefore, profiled, username, name, region
				FROM external_identities JOIN user ON user.id = account_id WHERE issuer = ? AND subject = ?`,
			)
			.bind(issuer, subject);
	}

	/** The profile is on another database: whoever comes first after a process died in between makes it. */
	async #ready({ issuer, subject }: Pick<NewExternal, "issuer" | "subject">, row: Row): Promise<Row> {
		if (row.profiled === 1) return row;
		const { database, ensureProfile } = this.#options;
		await ensureProfile({ id: row.id, username: row.username, displayName: row.name, region: row.region });
		await database
			.prepare("UPDATE external_identities SET profiled = 1 WHERE issuer = ? AND subject = ?")
			.bind(issuer, subject)
			.run();
		return row;
	}
}

/** An address that is nobody's and takes no mail: the table wants one for every account. */
function placeholder(id: Id): string {
	return `${id.toLowerCase()}@accounts.invalid`;
}

/** The nearest to a name of theirs that is a username here; undefined when too little is left. */
function usernameOf(name: string): string | undefined {
	const username = name
		.toLowerCase()
		.replace(/@.*$/, "")
		.replace(/[^a-z0-9_.]+/g, "_")
		.slice(0, USERNAME_LENGTH.max);
	return username.length < USERNAME_LENGTH.min || /^_+$/.test(username) ? undefined : username;
}

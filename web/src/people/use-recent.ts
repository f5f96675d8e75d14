import type { Author } from "@edgefeed/sdk";
import { useEffect, useState } from "preact/hooks";
import { storage } from "../session.ts";
import { withRecent } from "./recent.ts";

const keyOf = (accountId: string) => `recent/${accountId}`;

/** Whom one looked for lately, on this device. */
export function useRecent(accountId: string) {
	const [people, setPeople] = useState<readonly Author[]>([]);
	useEffect(() => {
		void read(accountId).then(setPeople);
	}, [accountId]);
	const keep = (next: readonly Author[]) => {
		setPeople(next);
		void storage.set(keyOf(accountId), JSON.stringify(next)).catch(() => undefined);
	};
	return {
		people,
		remember: (person: Author) => keep(withRecent(people, person)),
		forget: (id: string) => keep(people.filter((person) => person.id !== id)),
		clear: () => keep([]),
	};
}

async function read(accountId: string): Promise<Author[]> {
	try {
		return JSON.parse((await storage.get(keyOf(accountId))) ?? "[]") as Author[];
	} catch {
		return [];
	}
}

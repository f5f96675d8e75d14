import type { Author } from "@edgefeed/sdk";
import type { ComponentChildren } from "preact";
import type { List } from "../lists.ts";
import { t } from "../texts/texts.ts";
import { ErrorState, LoadMore, Skeleton } from "../ui/states.tsx";
import { PersonRow } from "./person-row.tsx";

interface PeopleListProps<Person extends Author> {
	people: List<Person>;
	/** What it is a list of, for who does not see where it stands. */
	label: string;
	/** What is said when there is nobody. */
	empty: ComponentChildren;
	/** How many places are held while it is read; 3 by default. */
	rows?: number | undefined;
	note?: ((person: Person) => ComponentChildren) | undefined;
	actions?: ((person: Person) => ComponentChildren) | undefined;
}

/** A list of people that is read as far as one scrolls. */
export function PeopleList<Person extends Author>({
	people,
	label,
	empty,
	rows,
	note,
	actions,
}: PeopleListProps<Person>) {
	const { items, loading, loadingMore, hasMore, error } = people;
	if (loading) return <Skeleton rows={rows} />;
	if (error !== undefined && items.length === 0) {
		return <ErrorState title={t("people.listFailed")} error={error} onRetry={people.reload} />;
	}
	return (
		<>
			{items.length > 0 && (
				<ul class="people" aria-label={label}>
					{items.map((person) => (
						<PersonRow key={person.id} person={person} note={note?.(person)}>
							{actions?.(person)}
						</PersonRow>
					))}
				</ul>
			)}
			{items.length === 0 && !hasMore && <div class="people-empty">{empty}</div>}
			{hasMore && <LoadMore onMore={people.loadMore} loading={loadingMore} error={error} />}
		</>
	);
}

import type { Author } from "@edgefeed/sdk";
import type { ComponentChildren } from "preact";
import { Avatar } from "../ui/avatar.tsx";

interface PersonRowProps {
	person: Author;
	/** A word more about the person. */
	note?: ComponentChildren;
	/** What can be done about the person. */
	children?: ComponentChildren;
	onOpen?: (() => void) | undefined;
}

/** Somebody in a list: who it is, leading to the profile, and what can be done. */
export function PersonRow({ person, note, children, onOpen }: PersonRowProps) {
	return (
		<li class="person">
			<a class="person-link" href={`/@${person.username}`} onClick={onOpen}>
				<Avatar person={person} />
				<span class="person-words">
					<bdi class="person-name">{person.displayName}</bdi>
					<span class="person-username">@{person.username}</span>
					{note && <span class="person-note">{note}</span>}
				</span>
			</a>
			{children && <div class="person-actions">{children}</div>}
		</li>
	);
}

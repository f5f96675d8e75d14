import type { Kept } from "@edgefeed/sdk";
import { useRef } from "preact/hooks";
import { useAction } from "../actions.ts";
import { useList } from "../lists.ts";
import { doneText, perform } from "../people/acts.ts";
import { PeopleList } from "../people/people-list.tsx";
import { edgefeed } from "../session.ts";
import { t, tWith } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";
import { Time } from "../ui/time.tsx";
import { toast } from "../ui/toast.tsx";

/** Whom one blocks and mutes, and the way back. */
export function BlockedSettings() {
	return (
		<>
			<KeptAway kind="block" />
			<KeptAway kind="mute" />
		</>
	);
}

const OF = {
	block: { list: edgefeed.blocks, back: "unblock" },
	mute: { list: edgefeed.mutes, back: "unmute" },
} as const;

function KeptAway({ kind }: { kind: "block" | "mute" }) {
	const heading = useRef<HTMLHeadingElement>(null);
	const blocks = kind === "block";
	const title = blocks ? t("settings.blockedList") : t("settings.mutedList");
	const people = useList<Kept>(
		kind,
		(cursor, signal) => OF[kind].list.page({ ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);
	const [release, busy] = useAction(async (person: Kept) => {
		const { back } = OF[kind];
		await perform(back, person.id);
		toast(doneText(back, person.displayName));
		people.change((all) => all.filter(({ id }) => id !== person.id));
		heading.current?.focus();
	});
	return (
		<section class="settings-group" aria-labelledby={`kept-${kind}`}>
			<h2 id={`kept-${kind}`} ref={heading} tabIndex={-1}>
				{title}
			</h2>
			<PeopleList
				people={people}
				label={title}
				rows={1}
				empty={<p>{blocks ? t("settings.noBlocked") : t("settings.noMuted")}</p>}
				note={({ since }) =>
					tWith(blocks ? "settings.blockedSince" : "settings.mutedSince", { time: <Time at={since} /> })
				}
				actions={(person) => (
					<Button
						small
						busy={busy}
						aria-label={t(blocks ? "settings.unblockName" : "settings.unmuteName", { name: person.displayName })}
						onClick={() => release(person)}
					>
						{blocks ? t("settings.unblock") : t("settings.unmute")}
					</Button>
				)}
			/>
		</section>
	);
}

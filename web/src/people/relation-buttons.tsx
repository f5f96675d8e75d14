import type { Account } from "@edgefeed/sdk";
import { t } from "../texts/texts.ts";
import { Button, type ButtonKind } from "../ui/button.tsx";
import { Menu } from "../ui/menu.tsx";
import { actText, ICONS, type Other, useAct } from "./acts.ts";
import { type Act, offerOf } from "./relation.ts";

const KINDS: Partial<Record<Act, ButtonKind>> = { addFriend: "primary", accept: "primary", unblock: "plain" };

interface RelationButtonsProps {
	account: Other;
	/** Takes the account as it is shown from now on; `done` is what the server has agreed to. */
	onChange: (account: Account, done?: Act) => void;
	/** Only the button that is wanted most, for the rows of lists. */
	brief?: boolean | undefined;
}

/** What one can do about somebody: ask, answer, follow, and the rest in a menu. */
export function RelationButtons({ account, onChange, brief }: RelationButtonsProps) {
	const { run, busy } = useAct(account, onChange);
	const { buttons, menu } = offerOf(account.relation);
	const name = account.displayName;
	const shown = brief ? buttons.slice(0, account.relation.requestedBy ? 2 : 1) : buttons;
	return (
		<fieldset class="relation-buttons" aria-label={t("people.acts", { name })}>
			{shown.map((act, place) => (
				// By its place and not by what it does: the button that was pressed stays, with the focus, and says what can be done next.
				<Button
					key={place}
					kind={KINDS[act] ?? "plain"}
					icon={ICONS[act]}
					small={brief}
					busy={busy}
					onClick={() => run(act)}
				>
					{actText(act, name)}
				</Button>
			))}
			{!brief && menu.length > 0 && (
				<Menu
					label={t("common.more")}
					items={menu.map((act) => ({
						label: actText(act, name),
						icon: ICONS[act],
						danger: act === "block",
						onSelect: () => void run(act),
					}))}
				/>
			)}
		</fieldset>
	);
}

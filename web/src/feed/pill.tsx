import { t } from "../texts/texts.ts";
import { Icon } from "../ui/icon.tsx";

/** Says that there are new posts above, and shows them when it is asked to. Nothing moves before. */
export function Pill({ count, onShow }: { count: number; onShow: () => void }) {
	return (
		<div class="pill-place" aria-live="polite">
			{count > 0 && (
				<button type="button" class="pill" onClick={onShow}>
					<Icon name="up" />
					{t("feed.newPosts", { count })}
				</button>
			)}
		</div>
	);
}

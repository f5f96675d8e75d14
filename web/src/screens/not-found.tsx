import { t } from "../texts/texts.ts";
import { ButtonLink } from "../ui/button.tsx";
import { Screen } from "../ui/screen.tsx";

export function NotFoundScreen() {
	return (
		<Screen title={t("common.notFoundTitle")}>
			<div class="state">
				<p>{t("common.notFoundBody")}</p>
				<ButtonLink kind="primary" href="/">
					{t("common.goHome")}
				</ButtonLink>
			</div>
		</Screen>
	);
}

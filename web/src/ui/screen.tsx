import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import { takeFocus } from "../focus.ts";
import { t } from "../texts/texts.ts";
import { IconButton } from "./button.tsx";

interface ScreenProps {
	/** The one h1 of the screen, and the page's title. */
	title: string;
	/** Beside the title. */
	actions?: ComponentChildren;
	/** Leads back to where one came from. */
	back?: boolean | string | undefined;
	/** For screen readers only. */
	hideTitle?: boolean | undefined;
	children?: ComponentChildren;
}

/** What every screen stands in: its title, which gets the focus after a navigation, and what it shows. */
export function Screen({ title, actions, back, hideTitle, children }: ScreenProps) {
	const heading = useRef<HTMLHeadingElement>(null);
	const { route } = useLocation();
	useEffect(() => {
		document.title = `${title} · ${t("common.appName")}`;
	}, [title]);
	useEffect(() => takeFocus(heading.current), []);
	return (
		<div class="screen">
			<header class={hideTitle ? "screen-head visually-hidden" : "screen-head"}>
				{back && (
					<IconButton
						icon="back"
						label={t("common.back")}
						onClick={() => {
							// Who came by a link from elsewhere has nothing of ours behind.
							if (typeof back === "string" || history.length <= 1) route(typeof back === "string" ? back : "/");
							else history.back();
						}}
					/>
				)}
				<h1 ref={heading} tabIndex={-1}>
					{title}
				</h1>
				{actions && <div class="screen-actions">{actions}</div>}
			</header>
			{children}
		</div>
	);
}

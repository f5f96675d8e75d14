import type { ComponentChildren } from "preact";
import { useLocation } from "preact-iso";
import { ComposeDialog } from "../compose/compose-dialog.tsx";
import { takeComposerLinks } from "../compose/opened.ts";
import { useMe } from "../me.ts";
import { t } from "../texts/texts.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { OfflineBanner } from "./offline.tsx";
import { UnreadBadge } from "./unread.tsx";

/** Screens with something of their own in the corner where the button floats on phones. */
const IN_THE_WAY = /^\/(?:compose|posts|settings)(?:\/|$)/;

/** Around every screen of who is signed in: a bar below on phones, a rail beside on wide screens. */
export function Layout({ children }: { children: ComponentChildren }) {
	const me = useMe();
	const { path } = useLocation();
	const profile = me?.username ? `/@${me.username}` : "/settings/profile";
	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: links have clicks of their own, from the keyboard too.
		// biome-ignore lint/a11y/useKeyWithClickEvents: likewise.
		<div class="layout" onClick={takeComposerLinks}>
			<a class="skip" href="#content">
				{t("common.skipToContent")}
			</a>
			<header class="rail">
				<p class="brand">{t("common.appName")}</p>
				<nav aria-label={t("common.mainNavigation")}>
					<ul>
						<Item href="/" icon="home" label={t("common.home")} path={path} badge />
						<Item href="/friends" icon="friends" label={t("common.friends")} path={path} />
						<Item href="/search" icon="search" label={t("common.search")} path={path} />
						<Item href={profile} icon="profile" label={t("common.profile")} path={path} />
						<Item href="/settings" icon="settings" label={t("common.settings")} path={path} />
					</ul>
				</nav>
				<a
					class={
						IN_THE_WAY.test(path) ? "button button-primary new-post new-post-away" : "button button-primary new-post"
					}
					href="/compose"
					aria-label={t("common.newPost")}
				>
					<Icon name="compose" />
					<span>{t("common.newPost")}</span>
				</a>
			</header>
			<main id="content" class="column" tabIndex={-1}>
				<OfflineBanner />
				{children}
			</main>
			<ComposeDialog />
		</div>
	);
}

interface ItemProps {
	href: string;
	icon: IconName;
	label: string;
	path: string;
	badge?: boolean;
}

function Item({ href, icon, label, path, badge }: ItemProps) {
	const here = path === href || (href !== "/" && path.startsWith(`${href}/`));
	return (
		<li>
			<a
				class="nav-item"
				href={href}
				aria-current={here ? "page" : undefined}
				aria-describedby={badge ? "unread" : undefined}
				onClick={here ? scrollUp : undefined}
			>
				<Icon name={icon} />
				<span class="nav-label">{label}</span>
				{badge && <UnreadBadge id="unread" />}
			</a>
		</li>
	);
}

/** The link of the screen that one is on leads to its top. */
function scrollUp(event: MouseEvent): void {
	if (event.metaKey || event.ctrlKey || event.shiftKey) return;
	event.preventDefault();
	scrollTo({ top: 0 });
}

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { problemText } from "../problems.ts";
import { t } from "../texts/texts.ts";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** Something is being read; what it says is for screen readers. */
export function Spinner({ label }: { label?: string | undefined }) {
	return (
		<div class="spinner" role="status">
			<span class="visually-hidden">{label ?? t("common.loading")}</span>
		</div>
	);
}

/** Grey shapes in the place of posts or people that are being read. */
export function Skeleton({ rows = 3 }: { rows?: number | undefined }) {
	return (
		<div class="skeleton" role="status">
			<span class="visually-hidden">{t("common.loading")}</span>
			{Array.from({ length: rows }, (_, row) => (
				<div key={row} class="skeleton-row" aria-hidden="true">
					<span class="skeleton-avatar" />
					<span class="skeleton-line skeleton-short" />
					<span class="skeleton-line" />
					<span class="skeleton-line" />
				</div>
			))}
		</div>
	);
}

/** There is nothing, and what can be done about it. */
export function EmptyState({
	icon,
	title,
	body,
	children,
}: {
	icon?: IconName | undefined;
	title: string;
	body?: string | undefined;
	children?: ComponentChildren;
}) {
	return (
		<div class="state">
			{icon && <Icon name={icon} />}
			<h2>{title}</h2>
			{body && <p>{body}</p>}
			{children && <div class="state-actions">{children}</div>}
		</div>
	);
}

/** It failed, why, and a way to try again. */
export function ErrorState({
	title,
	error,
	onRetry,
}: {
	title?: string | undefined;
	error: unknown;
	onRetry?: (() => void) | undefined;
}) {
	return (
		<div class="state" role="alert">
			<Icon name="warning" />
			{title && <h2>{title}</h2>}
			<p>{problemText(error)}</p>
			{onRetry && (
				<div class="state-actions">
					<Button onClick={onRetry}>{t("common.retry")}</Button>
				</div>
			)}
		</div>
	);
}

/** The end of a list that goes on: it is read when it comes near, and there is a button for who has no pointer. */
export function LoadMore({
	onMore,
	loading,
	error,
	label,
}: {
	onMore: () => void;
	loading: boolean;
	error?: unknown;
	label?: string | undefined;
}) {
	const element = useRef<HTMLDivElement>(null);
	const latest = useRef(onMore);
	latest.current = onMore;
	// After a failure only the button asks again, else it would be asked without end.
	const armed = !loading && error === undefined;
	useEffect(() => {
		if (!element.current || !armed) return;
		const observer = new IntersectionObserver(
			(entries) => {
				if (entries.some((entry) => entry.isIntersecting)) latest.current();
			},
			{ rootMargin: "1200px 0px" },
		);
		observer.observe(element.current);
		return () => observer.disconnect();
	}, [armed]);
	return (
		<div class="load-more" ref={element}>
			{error !== undefined && (
				<p class="field-error" role="alert">
					{problemText(error)}
				</p>
			)}
			<Button kind="quiet" busy={loading} onClick={onMore}>
				{loading ? t("common.loading") : (label ?? t("common.loadMore"))}
			</Button>
		</div>
	);
}

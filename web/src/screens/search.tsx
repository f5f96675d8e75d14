import "../style/people.css";
import type { Account } from "@edgefeed/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import { type List, useList } from "../lists.ts";
import { isOther } from "../people/acts.ts";
import { PersonRow } from "../people/person-row.tsx";
import { RelationButtons } from "../people/relation-buttons.tsx";
import { useRecent } from "../people/use-recent.ts";
import { edgefeed, useAccountId } from "../session.ts";
import { t } from "../texts/texts.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { Screen } from "../ui/screen.tsx";
import { ErrorState, LoadMore } from "../ui/states.tsx";

/** Milliseconds of rest after which what was typed is looked for. */
const REST = 250;

export function SearchScreen() {
	const { query } = useLocation();
	const [typed, setTyped] = useState(query.q ?? "");
	const asked = useRested(typed.trim(), REST);
	const field = useRef<HTMLInputElement>(null);
	const recent = useRecent(useAccountId());
	const found = useList<Account>(
		asked === "" ? null : asked,
		(cursor, signal) => edgefeed.accounts.search.page(asked, { ...(cursor ? { cursor } : {}), signal }),
		({ id }) => id,
	);
	// What was found before stays until the answer is there: else the list would flicker at each letter.
	const held = useRef<readonly Account[]>([]);
	if (!found.loading) held.current = found.items;
	const people = asked === "" ? [] : found.loading ? held.current : found.items;

	// Who comes back from a profile finds what was found.
	useEffect(() => {
		history.replaceState(history.state, "", asked === "" ? "/search" : `/search?q=${encodeURIComponent(asked)}`);
	}, [asked]);

	return (
		<Screen title={t("people.searchTitle")}>
			<search>
				<form class="search" onSubmit={(event) => event.preventDefault()}>
					<Icon name="search" />
					<input
						ref={field}
						type="search"
						aria-label={t("people.searchLabel")}
						placeholder={t("people.searchHint")}
						value={typed}
						maxLength={100}
						autocomplete="off"
						autocapitalize="none"
						spellcheck={false}
						enterkeyhint="search"
						onInput={(event) => setTyped(event.currentTarget.value)}
					/>
				</form>
			</search>
			<p class="hint search-status" role="status">
				{asked === "" ? "" : statusOf(found, asked)}
			</p>
			{asked !== "" && found.error !== undefined && people.length === 0 && (
				<ErrorState title={t("people.searchFailed")} error={found.error} onRetry={found.reload} />
			)}
			{people.length > 0 && (
				<ul class="people" aria-label={t("people.searchTitle")} aria-busy={found.loading}>
					{people.map((person) => (
						<PersonRow key={person.id} person={person} onOpen={() => recent.remember(person)}>
							{person.relation?.friend ? (
								<span class="hint">{t("people.areFriends")}</span>
							) : isOther(person) ? (
								<RelationButtons
									account={person}
									brief
									onChange={(changed) =>
										found.change((items) => items.map((each) => (each.id === changed.id ? changed : each)))
									}
								/>
							) : (
								<span class="hint">{t("people.isYou")}</span>
							)}
						</PersonRow>
					))}
				</ul>
			)}
			{asked !== "" && found.hasMore && (
				<LoadMore onMore={found.loadMore} loading={found.loadingMore} error={found.error} />
			)}
			{asked === "" && recent.people.length > 0 && (
				<section aria-labelledby="recent">
					<div class="section-head">
						<h2 id="recent">{t("people.recent")}</h2>
						<Button
							kind="quiet"
							small
							onClick={() => {
								recent.clear();
								field.current?.focus();
							}}
						>
							{t("people.clearRecent")}
						</Button>
					</div>
					<ul class="people">
						{recent.people.map((person) => (
							<PersonRow key={person.id} person={person} onOpen={() => recent.remember(person)}>
								<IconButton
									icon="close"
									label={t("people.forget", { name: person.displayName })}
									onClick={() => {
										recent.forget(person.id);
										field.current?.focus();
									}}
								/>
							</PersonRow>
						))}
					</ul>
				</section>
			)}
		</Screen>
	);
}

function statusOf({ items, loading, hasMore, error }: List<Account>, query: string): string {
	if (loading) return t("people.searching");
	if (error !== undefined) return "";
	const count = items.length;
	if (count === 0) return t("people.noResults", { query });
	return hasMore ? t("people.resultsMore", { count }) : t("people.results", { count });
}

/** A value once it has rested for a while; an empty one at once. */
function useRested(value: string, rest: number): string {
	const [rested, setRested] = useState(value);
	useEffect(() => {
		if (value === "") return setRested("");
		const timer = setTimeout(() => setRested(value), rest);
		return () => clearTimeout(timer);
	}, [value, rest]);
	return value === "" ? "" : rested;
}

import { useEffect, useState } from "preact/hooks";
import { API_BASE } from "../api-base.ts";
import { edgefeed } from "../session.ts";
import { t } from "../texts/texts.ts";

interface Limits {
	textLength: number;
	friends: number;
	following: number;
	streams: number;
}

/** What the service takes, as it says itself. */
export function About() {
	const [limits, setLimits] = useState<Limits | null>(null);
	useEffect(() => {
		// Left out when it cannot be read.
		edgefeed.api.GET("/v1/config").then(
			({ data }) => data && setLimits(data.limits),
			() => undefined,
		);
	}, []);
	return (
		<section class="settings-group" aria-labelledby="about">
			<h2 id="about">{t("settings.about")}</h2>
			{limits && (
				<dl class="facts">
					<Fact name={t("settings.limitText")} value={limits.textLength} />
					<Fact name={t("settings.limitFriends")} value={limits.friends} />
					<Fact name={t("settings.limitFollowing")} value={limits.following} />
					<Fact name={t("settings.limitStreams")} value={limits.streams} />
				</dl>
			)}
			<p>
				<a href={`${API_BASE}/docs`}>{t("settings.apiReference")}</a>
			</p>
		</section>
	);
}

function Fact({ name, value }: { name: string; value: number }) {
	return (
		<div class="fact">
			<dt>{name}</dt>
			<dd>{value.toLocaleString(document.documentElement.lang)}</dd>
		</div>
	);
}

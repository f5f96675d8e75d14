import { Component, type ComponentChildren } from "preact";
import { t } from "../texts/texts.ts";
import { Button } from "../ui/button.tsx";

/** What is shown when drawing failed: never a blank page. */
export class Broken extends Component<{ children: ComponentChildren }, { broken: boolean }> {
	override state = { broken: false };

	static override getDerivedStateFromError() {
		return { broken: true };
	}

	override componentDidCatch(error: unknown) {
		console.error(error);
	}

	override render() {
		if (!this.state.broken) return this.props.children;
		return (
			<main class="door">
				<div class="state" role="alert">
					<h1>{t("common.brokenTitle")}</h1>
					<p>{t("common.brokenBody")}</p>
					<Button kind="primary" onClick={() => location.reload()}>
						{t("common.reload")}
					</Button>
				</div>
			</main>
		);
	}
}

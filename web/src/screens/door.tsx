import type { ComponentChildren, TargetedSubmitEvent } from "preact";
import { useRef, useState } from "preact/hooks";
import { chooseLanguage } from "../preferences.ts";
import { fieldProblems, problemText } from "../problems.ts";
import { LANGUAGES, type Language, language, t } from "../texts/texts.ts";
import { Screen } from "../ui/screen.tsx";

/** What is wrong with the fields of a form, by their names in the API. */
export type Mistakes = Record<string, string | undefined>;

interface Form {
	busy: boolean;
	mistakes: Mistakes;
	/** What is wrong with none of the fields. */
	error: unknown;
	submit: (event: TargetedSubmitEvent<HTMLFormElement>) => void;
}

/** A form that is sent once at a time: what is wrong is shown at its field, and the first such field gets the focus. */
export function useForm(check: () => Mistakes, send: () => Promise<void>): Form {
	const [state, setState] = useState<{ busy: boolean; mistakes: Mistakes; error: unknown }>({
		busy: false,
		mistakes: {},
		error: undefined,
	});
	const running = useRef(false);
	return {
		...state,
		async submit(event) {
			event.preventDefault();
			if (running.current) return;
			const form = event.currentTarget;
			const mistakes = check();
			if (Object.keys(mistakes).length > 0) {
				setState({ busy: false, mistakes, error: undefined });
				focusMistake(form);
				return;
			}
			running.current = true;
			setState({ busy: true, mistakes: {}, error: undefined });
			try {
				await send();
				setState({ busy: false, mistakes: {}, error: undefined });
			} catch (error) {
				const fields = fieldProblems(error);
				const atFields = Object.keys(fields).length > 0;
				setState({ busy: false, mistakes: fields, error: atFields ? undefined : error });
				if (atFields) focusMistake(form);
			} finally {
				running.current = false;
			}
		},
	};
}

function focusMistake(form: HTMLFormElement): void {
	// After the mistakes are drawn.
	setTimeout(() => form.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

/** What is wrong with a form as a whole: an error, or a sentence. */
export function FormProblem({ error }: { error: unknown }) {
	const text = typeof error === "string" ? error : problemText(error);
	return <div role="alert">{error !== undefined && <p class="form-problem">{text}</p>}</div>;
}

/** The screens before one is signed in: a form in the middle, and the language below. */
export function Door({ title, tagline, children }: { title: string; tagline?: boolean; children: ComponentChildren }) {
	return (
		<div class="door-card">
			<p class="brand">{t("common.appName")}</p>
			{tagline && <p class="tagline">{t("session.tagline")}</p>}
			<Screen title={title}>{children}</Screen>
			<ul class="door-languages">
				{(Object.entries(LANGUAGES) as [Language, string][]).map(([code, name]) => (
					<li key={code}>
						<button
							type="button"
							lang={code}
							class="link-button"
							aria-pressed={code === language()}
							onClick={() => void chooseLanguage(code)}
						>
							{name}
						</button>
					</li>
				))}
			</ul>
		</div>
	);
}

/** Where one wanted to go goes along between the two screens. */
export function signUpAddress(url: string): string {
	return `/sign-up${new URL(url, location.origin).search}`;
}

export function signInAddress(url: string): string {
	return `/sign-in${new URL(url, location.origin).search}`;
}

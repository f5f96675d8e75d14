import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { Button, type ButtonKind } from "../ui/button.tsx";

/** What is wrong with a form: with its fields, by their names, or as a whole. */
export type Faults<Name extends string> = { readonly [Key in Name | "form"]?: string | undefined };

/** The faults of a form. `tell` shows some, and brings whoever filled it in to the first field at fault. */
export function useFaults<Name extends string>() {
	const form = useRef<HTMLFormElement>(null);
	const [faults, setFaults] = useState<Faults<Name>>({});
	const tell = (found: Faults<Name>) => {
		setFaults(found);
		const name = (Object.keys(found) as (Name | "form")[]).find((each) => each !== "form" && found[each]);
		if (name) form.current?.querySelector<HTMLElement>(`[name=${name}]`)?.focus();
	};
	return { form, faults, tell };
}

interface SettingsFormProps<Name extends string> {
	by: ReturnType<typeof useFaults<Name>>;
	/** What the button says. */
	action: string;
	kind?: ButtonKind;
	busy: boolean;
	/** Looks for faults in what was entered; none: then `onSubmit` is called. */
	check: () => Faults<Name>;
	onSubmit: () => Promise<void>;
	children: ComponentChildren;
}

/** A form of the settings: checked here first, with what is wrong with it as a whole above its button. */
export function SettingsForm<Name extends string>(props: SettingsFormProps<Name>) {
	const { by, action, kind, busy, check, onSubmit, children } = props;
	return (
		<form
			class="settings-form"
			noValidate
			ref={by.form}
			onSubmit={(event) => {
				event.preventDefault();
				const found = check();
				by.tell(found);
				if (Object.values(found).every((fault) => fault === undefined)) void onSubmit();
			}}
		>
			{children}
			{by.faults.form && (
				<p class="field-error" role="alert">
					{by.faults.form}
				</p>
			)}
			<Button type="submit" kind={kind} busy={busy}>
				{action}
			</Button>
		</form>
	);
}

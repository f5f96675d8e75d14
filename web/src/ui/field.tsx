import type {
	ComponentChildren,
	InputHTMLAttributes,
	PartialInputHTMLAttributes,
	TextareaHTMLAttributes,
} from "preact";
import { useId, useState } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { Button } from "./button.tsx";

interface Described {
	label: string;
	hint?: string | undefined;
	/** What is wrong with what was entered. */
	error?: string | undefined;
}

type FieldProps = Described &
	Omit<PartialInputHTMLAttributes<HTMLInputElement>, "onInput" | "label" | "role" | "type" | "value"> & {
		type?: "text" | "email" | "password" | "search" | "tel" | "url" | undefined;
		value: string;
		onInput: (value: string) => void;
	};

/** A line to fill in, with its label, a hint and what is wrong with it. */
export function Field({ label, hint, error, ...rest }: FieldProps) {
	const id = useId();
	return (
		<div class="field">
			<label for={id}>{label}</label>
			<Line {...rest} id={id} {...described(id, { hint, error })} />
			<Descriptions id={id} hint={hint} error={error} />
		</div>
	);
}

/** As long as the service takes it. */
const LONGEST_PASSWORD = 128;

/** A password that is known, or one that is made up: a password manager is told which. It can be looked at. */
export function PasswordField({
	label,
	hint,
	error,
	fresh = false,
	...rest
}: Omit<FieldProps, "type"> & { fresh?: boolean | undefined }) {
	const id = useId();
	const [seen, setSeen] = useState(false);
	return (
		<div class="field">
			<label for={id}>{label}</label>
			<div class="field-row">
				<Line
					{...rest}
					id={id}
					type={seen ? "text" : "password"}
					autocomplete={fresh ? "new-password" : "current-password"}
					autocapitalize="off"
					spellcheck={false}
					maxLength={LONGEST_PASSWORD}
					{...described(id, { hint, error })}
				/>
				<Button kind="quiet" aria-pressed={seen} aria-controls={id} onClick={() => setSeen(!seen)}>
					{t("common.show")}
				</Button>
			</div>
			<Descriptions id={id} hint={hint} error={error} />
		</div>
	);
}

function Line({ onInput, ...rest }: Omit<FieldProps, keyof Described>) {
	// Preact types an input by what its type allows.
	const attributes = rest as InputHTMLAttributes<HTMLInputElement>;
	return <input {...attributes} onInput={(event) => onInput(event.currentTarget.value)} />;
}

type TextAreaProps = Described &
	Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, "onInput" | "label" | "value"> & {
		value: string;
		onInput: (value: string) => void;
	};

/** Several lines to fill in. */
export function TextArea({ label, hint, error, value, onInput, ...rest }: TextAreaProps) {
	const id = useId();
	return (
		<div class="field">
			<label for={id}>{label}</label>
			<textarea
				{...rest}
				id={id}
				value={value}
				onInput={(event) => onInput(event.currentTarget.value)}
				{...described(id, { hint, error })}
			/>
			<Descriptions id={id} hint={hint} error={error} />
		</div>
	);
}

export interface Option<Value extends string> {
	value: Value;
	label: string;
}

interface Choice<Value extends string> {
	label: string;
	value: Value;
	options: readonly Option<Value>[];
	onChange: (value: Value) => void;
	hint?: string | undefined;
	error?: string | undefined;
}

/** One of several, in little room. `compact` hides the label from sight, not from screen readers. */
export function Select<Value extends string>({
	label,
	value,
	options,
	onChange,
	hint,
	error,
	compact,
}: Choice<Value> & { compact?: boolean | undefined }) {
	const id = useId();
	return (
		<div class={compact ? "field field-compact" : "field"}>
			<label for={id} class={compact ? "visually-hidden" : undefined}>
				{label}
			</label>
			<select
				id={id}
				value={value}
				onChange={(event) => onChange(event.currentTarget.value as Value)}
				{...described(id, { hint, error })}
			>
				{options.map((option) => (
					<option key={option.value} value={option.value}>
						{option.label}
					</option>
				))}
			</select>
			<Descriptions id={id} hint={hint} error={error} />
		</div>
	);
}

/** One of a few, all of them in sight. */
export function RadioGroup<Value extends string>({ label, value, options, onChange, hint }: Choice<Value>) {
	const name = useId();
	return (
		// biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a group of radio buttons, with a legend that names it.
		<fieldset class="field choices" role="radiogroup">
			<legend>{label}</legend>
			{options.map((option) => (
				<label key={option.value} class="choice">
					<input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
					{option.label}
				</label>
			))}
			{hint && <p class="hint">{hint}</p>}
		</fieldset>
	);
}

/** On or off. */
export function Checkbox({
	label,
	checked,
	onChange,
}: {
	label: ComponentChildren;
	checked: boolean;
	onChange: (checked: boolean) => void;
}) {
	return (
		<label class="choice">
			<input type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
			{label}
		</label>
	);
}

function described(id: string, { hint, error }: { hint?: string | undefined; error?: string | undefined }) {
	const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
	return { "aria-describedby": described, "aria-invalid": error ? true : undefined } as const;
}

function Descriptions({ id, hint, error }: { id: string; hint?: string | undefined; error?: string | undefined }) {
	return (
		<>
			{hint && !error && (
				<p class="hint" id={`${id}-hint`}>
					{hint}
				</p>
			)}
			{error && (
				<p class="field-error" id={`${id}-error`} role="alert">
					{error}
				</p>
			)}
		</>
	);
}

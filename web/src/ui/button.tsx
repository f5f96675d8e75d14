import type { ButtonHTMLAttributes, ComponentChildren, PartialAnchorHTMLAttributes } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** `primary`: the one thing a screen is for. `plain`: what else there is. `quiet`: no frame. `danger`: what cannot be undone. */
export type ButtonKind = "primary" | "plain" | "quiet" | "danger";

interface Look {
	kind?: ButtonKind | undefined;
	icon?: IconName | undefined;
	/** Fills the width. */
	wide?: boolean | undefined;
	small?: boolean | undefined;
	children?: ComponentChildren;
}

type ButtonProps = Look &
	Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "size"> & {
		/** It is being done: the button stays focused, but does nothing. */
		busy?: boolean | undefined;
	};

export function Button({ kind, icon, wide, small, busy, children, onClick, ...rest }: ButtonProps) {
	return (
		<button
			type="button"
			{...rest}
			class={look({ kind, wide, small })}
			aria-busy={busy}
			aria-disabled={busy || undefined}
			onClick={busy ? (event) => event.preventDefault() : onClick}
		>
			{icon && <Icon name={icon} />}
			{children}
		</button>
	);
}

type LinkProps = Look &
	Omit<PartialAnchorHTMLAttributes<HTMLAnchorElement>, "icon" | "role" | "size"> & { href: string };

/** A link that looks like a button. */
export function ButtonLink({ kind, icon, wide, small, children, ...rest }: LinkProps) {
	return (
		<a {...rest} class={look({ kind, wide, small })}>
			{icon && <Icon name={icon} />}
			{children}
		</a>
	);
}

type IconButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "icon" | "label"> & {
	icon: IconName;
	/** What it does, for who does not see the icon. */
	label: string;
	filled?: boolean | undefined;
};

export function IconButton({ icon, label, filled, class: extra, children, ...rest }: IconButtonProps) {
	return (
		<button
			type="button"
			{...rest}
			class={extra ? `icon-button ${extra}` : "icon-button"}
			aria-label={label}
			title={label}
		>
			<Icon name={icon} filled={filled} />
			{children}
		</button>
	);
}

function look({ kind = "plain", wide, small }: Look): string {
	return ["button", `button-${kind}`, wide && "button-wide", small && "button-small"].filter(Boolean).join(" ");
}

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

export interface MenuItem {
	label: string;
	icon?: IconName | undefined;
	danger?: boolean | undefined;
	onSelect: () => void;
}

/** Pixels that stay free at the window's edges. */
const GAP = 8;

/** A button that opens a list of things to do: arrows, Home, End, the first letter, Escape and Tab work as in any menu. */
export function Menu({
	label,
	icon = "more",
	items,
}: {
	label: string;
	icon?: IconName | undefined;
	items: readonly MenuItem[];
}) {
	const [open, setOpen] = useState(false);
	const box = useRef<HTMLDivElement>(null);
	const list = useRef<HTMLDivElement>(null);
	const id = useId();
	const entries = () => [...(list.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
	const button = () => box.current?.querySelector<HTMLElement>("button") ?? undefined;

	useEffect(() => {
		if (!open || !list.current) return;
		place(list.current, button());
		entries()[0]?.focus();
		const outside = (event: Event) => {
			if (!box.current?.contains(event.target as Node)) setOpen(false);
		};
		addEventListener("pointerdown", outside);
		addEventListener("focusin", outside);
		// It is over the page, not in it: what scrolls away takes it along by closing it.
		const away = () => setOpen(false);
		addEventListener("scroll", away, { passive: true, capture: true });
		addEventListener("resize", away);
		return () => {
			removeEventListener("scroll", away, { capture: true });
			removeEventListener("resize", away);
			removeEventListener("pointerdown", outside);
			removeEventListener("focusin", outside);
		};
	}, [open]);

	const close = () => {
		setOpen(false);
		button()?.focus();
	};
	const onKeyDown = (event: KeyboardEvent) => {
		if (!open) {
			if (event.key !== "ArrowDown") return;
			event.preventDefault();
			setOpen(true);
			return;
		}
		const all = entries();
		const at = all.indexOf(document.activeElement as HTMLElement);
		const go = (index: number) => all[(index + all.length) % all.length]?.focus();
		if (event.key === "ArrowDown") go(at + 1);
		else if (event.key === "ArrowUp") go(at - 1);
		else if (event.key === "Home") go(0);
		else if (event.key === "End") go(-1);
		else if (event.key === "Escape") close();
		else if (event.key === "Tab") return setOpen(false);
		else if (event.key.length === 1 && event.key !== " ") {
			const letter = event.key.toLowerCase();
			const ordered = [...all.slice(at + 1), ...all.slice(0, at + 1)];
			ordered.find((each) => each.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
		} else return;
		event.preventDefault();
		event.stopPropagation();
	};

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: the keys are of the button and the menu inside.
		<div class="menu" ref={box} onKeyDown={onKeyDown}>
			<IconButton
				icon={icon}
				label={label}
				aria-haspopup="menu"
				aria-expanded={open}
				aria-controls={open ? id : undefined}
				onClick={() => setOpen(!open)}
			/>
			{open && (
				<div class="menu-list" role="menu" id={id} aria-label={label} ref={list} popover="manual">
					{items.map((item) => (
						<button
							key={item.label}
							type="button"
							role="menuitem"
							tabIndex={-1}
							class={item.danger ? "menu-item menu-danger" : "menu-item"}
							onClick={() => {
								close();
								item.onSelect();
							}}
						>
							{item.icon && <Icon name={item.icon} />}
							{item.label}
						</button>
					))}
				</div>
			)}
		</div>
	);
}

/** Shows the list in the browser's top layer, where no row cuts it off: below its button, above when there is no room. */
function place(list: HTMLElement, button: HTMLElement | undefined): void {
	list.showPopover();
	if (!button) return;
	const at = button.getBoundingClientRect();
	const { offsetWidth: width, offsetHeight: height } = list;
	const below = at.bottom + height + GAP <= innerHeight || at.top < height + GAP;
	const start = getComputedStyle(button).direction === "rtl" ? at.left : at.right - width;
	list.style.setProperty("left", `${Math.max(GAP, Math.min(start, innerWidth - width - GAP))}px`);
	list.style.setProperty("top", `${below ? at.bottom : at.top - height}px`);
}

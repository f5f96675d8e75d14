import { useEffect, useRef } from "preact/hooks";
import { t } from "../texts/texts.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Field } from "../ui/field.tsx";
import { Icon } from "../ui/icon.tsx";
import type { Attachment, Attachments } from "./attachments.ts";

interface AttachmentListProps {
	attachments: Attachments;
	list: readonly Attachment[];
	/** Whether what is removed goes from this device too: not when a post still has it. */
	forget: boolean;
}

/** The photos and videos of a post that is being written, each with its text; they are moved by buttons. */
export function AttachmentList({ attachments, list, forget }: AttachmentListProps) {
	const element = useRef<HTMLUListElement>(null);
	/** The button that has the focus after a move is at another place: it keeps it. */
	const focused = useRef<string | undefined>(undefined);
	useEffect(() => {
		if (focused.current === undefined) return;
		element.current?.querySelector<HTMLElement>(focused.current)?.focus();
		focused.current = undefined;
	}, [list]);
	if (list.length === 0) return null;
	const move = (key: number, by: -1 | 1, index: number) => {
		const at = index + by;
		const atEnd = at === 0 || at === list.length - 1;
		focused.current = `[data-move="${key}:${atEnd ? -by : by}"]`;
		attachments.move(key, by);
	};
	return (
		<ul class="attachments" aria-label={t("compose.attached")} ref={element}>
			{list.map((each, index) => {
				const { address, alt, key, kind, progress, problem, status } = each;
				const number = index + 1;
				return (
					<li key={key} class="attachment">
						<div class="attachment-picture">
							{address === null ? (
								<Icon name={kind} />
							) : kind === "video" && address.startsWith("blob:") ? (
								<video src={address} muted playsInline preload="metadata" tabIndex={-1} aria-hidden="true" />
							) : (
								<img src={address} alt="" />
							)}
							{status === "uploading" && (
								<progress value={progress} max={1} aria-label={t("compose.uploading", { number })} />
							)}
						</div>
						<div class="attachment-words">
							<Field
								label={
									kind === "video" ? t("compose.describeVideo", { number }) : t("compose.describePhoto", { number })
								}
								value={alt}
								maxLength={1000}
								onInput={(value) => attachments.describe(key, value)}
								error={problem ?? undefined}
								hint={status === "waiting" ? t("compose.uploadWaits") : undefined}
							/>
							<div class="attachment-actions">
								<IconButton
									icon="up"
									label={t("compose.moveUp", { number })}
									data-move={`${key}:-1`}
									disabled={index === 0}
									onClick={() => move(key, -1, index)}
								/>
								<IconButton
									icon="down"
									label={t("compose.moveDown", { number })}
									data-move={`${key}:1`}
									disabled={index === list.length - 1}
									onClick={() => move(key, 1, index)}
								/>
								<IconButton
									icon="trash"
									label={t("compose.remove", { number })}
									onClick={() => attachments.remove(key, forget)}
								/>
								{status === "failed" && each.held?.blob && (
									<Button kind="quiet" small onClick={() => attachments.retry(key)}>
										{t("common.retry")}
									</Button>
								)}
							</div>
						</div>
					</li>
				);
			})}
		</ul>
	);
}

import type { TaskOf } from "../store/outbox.ts";
import type { Delivery } from "../timeline/changes.ts";
import type { ChunkReason } from "./progress.ts";

/** What a task does to a timeline. */
export function changeOf(task: TaskOf<"add" | "edit" | "remove">, reason: ChunkReason): Delivery {
	const { postId, authorId } = task;
	switch (task.kind) {
		case "add":
			return { kind: "add", postId, authorId, reason, via: "push" };
		case "edit":
			return { kind: "edit", postId };
		case "remove":
			return { kind: "remove", postId, cause: "deleted" };
	}
}

import { createRoute, z } from "@hono/zod-openapi";
import { createRouter, idParam, json, moment, momentSchema, problems, signedIn } from "../gateway/openapi.ts";
import { Problem } from "../gateway/problem.ts";
import type { Posts } from "../posts/posts.ts";
import type { ProgressStore } from "./progress.ts";

const getDelivery = createRoute({
	method: "get",
	path: "/v1/posts/{id}/delivery",
	tags: ["posts"],
	summary: "How far your post has come on its way to your friends and followers",
	description:
		"Followers of an author with very many are not counted: they fetch the post themselves. Neither are accounts that nobody has used for long.",
	security: signedIn,
	request: { params: idParam },
	responses: {
		200: json(
			z
				.object({
					followers: z.int().openapi({ description: "friends and followers it goes to, as far as they are known yet" }),
					delivered: z.int(),
					failed: z.int().openapi({ description: "given up for now; an operator can try again" }),
					startedAt: momentSchema.nullable(),
					completedAt: momentSchema.nullable().openapi({ description: "null while some are still to be reached" }),
				})
				.openapi("Delivery"),
			"The progress",
		),
		...problems(401, 403, 404),
	},
});

export function deliveryRoutes({ posts, progress }: { posts: Posts; progress: ProgressStore }) {
	return createRouter().openapi(getDelivery, async (c) => {
		const { id } = c.req.valid("param");
		const { authorId, parentId } = await posts.visible(c.var.viewer, id);
		if (parentId !== null) throw new Problem("post_not_found");
		if (authorId !== c.var.viewer) throw new Problem("forbidden");
		const found = await progress.deliveryOf(id);
		const at = (time: number | null | undefined) => (time ? moment(time) : null);
		return c.json(
			{
				followers: found?.recipients ?? 0,
				delivered: found?.delivered ?? 0,
				failed: found?.failed ?? 0,
				startedAt: at(found?.startedAt),
				completedAt: at(found?.completedAt),
			},
			200,
		);
	});
}

import { useEffect, useState } from "preact/hooks";
import { edgefeed } from "../session.ts";
import { type Delivery, deliveryText } from "./delivery.ts";

/** Milliseconds between two looks at a post that is on its way, and how often it is looked at. */
const LOOK = 2000;
const LOOKS = 30;

/** The author's own: whom the post has reached. Says nothing until that is known. */
export function DeliveryNote({ postId }: { postId: string }) {
	const [delivery, setDelivery] = useState<Delivery | null>(null);
	useEffect(() => {
		let timer: ReturnType<typeof setTimeout> | undefined;
		let wanted = true;
		const look = async (left: number) => {
			try {
				const { data } = await edgefeed.api.GET("/v1/posts/{id}/delivery", { params: { path: { id: postId } } });
				if (!wanted || !data) return;
				setDelivery(data);
				if (data.completedAt === null && left > 0) timer = setTimeout(() => void look(left - 1), LOOK);
			} catch {
				// It is a note; the post is there without it.
			}
		};
		void look(LOOKS);
		return () => {
			wanted = false;
			clearTimeout(timer);
		};
	}, [postId]);
	const text = delivery && deliveryText(delivery);
	return text ? <p class="thread-delivery hint">{text}</p> : null;
}

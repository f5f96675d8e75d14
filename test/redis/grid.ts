import { env as bound } from "cloudflare:workers";
import { RedisGrid } from "../../src/cache/redis.ts";

const env = bound as unknown as Record<
	"UPSTASH_REDIS_REST_URL" | "UPSTASH_REDIS_REST_TOKEN" | "REDIS_CONTROL_URL",
	string
>;

/** The Redis of `npm run test:redis`. */
export const connection = { url: env.UPSTASH_REDIS_REST_URL, token: env.UPSTASH_REDIS_REST_TOKEN };

/** The grid in it. */
export function grid({ url = connection.url, token = connection.token } = {}): RedisGrid {
	return new RedisGrid({ url, token, now: () => Date.now() });
}

/** Has something happen to that Redis. */
export async function redis(action: "kill" | "start" | "stop" | "continue"): Promise<void> {
	const response = await fetch(`${env.REDIS_CONTROL_URL}/${action}`, { method: "POST" });
	if (!response.ok) throw new Error(`${action} was answered ${response.status}`);
}

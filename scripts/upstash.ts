/**
 * Upstash's protocol in front of a Redis on this machine: `REDIS_URL`, `PORT`, `URS_TOKEN`. A process of its own, because
 * the library tells of every connection that fails.
 */
import { serve } from "@hono/node-server";
import { createApp } from "@humanwhocodes/upstash-redis-server";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";

const { REDIS_URL, PORT, URS_TOKEN } = process.env;
if (!REDIS_URL || !PORT || !URS_TOKEN) throw new Error("REDIS_URL, PORT and URS_TOKEN are needed");

// The library asks for the token at `/` only, Upstash for everything.
const app = new Hono()
	.get("/healthz", (c) => c.text("ok"))
	.use(bearerAuth({ token: URS_TOKEN }))
	.route("/", createApp({ token: URS_TOKEN, redisUrl: REDIS_URL }));

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" });

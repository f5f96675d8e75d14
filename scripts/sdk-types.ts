/**
 * `npm run sdk:types`: the OpenAPI document that the Worker serves, as `sdk/openapi.json`, and the SDK's types from it, as
 * `sdk/src/schema.ts`. With `--check` the types are made of the committed document and compared with the committed
 * ones; with `--offline` only the types are made anew. That the document is the Worker's is what
 * `test/sdk-types.test.ts` looks at.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { ROOT } from "./client.ts";

const DOCUMENT = join(ROOT, "sdk/openapi.json");
const TYPES = join(ROOT, "sdk/src/schema.ts");

// The generator writes by means of TypeScript's JavaScript API, which version 7 has none of.
registerHooks({
	resolve: (name, context, next) => next(name === "typescript" ? "typescript-5" : name, context),
});
const { default: openapiTS, astToString, COMMENT_HEADER } = await import("openapi-typescript");

const check = process.argv.includes("--check");
const serve = !check && !process.argv.includes("--offline");
if (serve) writeFileSync(DOCUMENT, `${JSON.stringify(await served(), null, "\t")}\n`);
const document = JSON.parse(readFileSync(DOCUMENT, "utf8")) as { paths: Record<string, unknown> };
// Operators' calls are not an app's.
for (const path of Object.keys(document.paths)) if (path.startsWith("/ops/")) delete document.paths[path];
const made = `${COMMENT_HEADER}${astToString(await openapiTS(document as never))}`;
if (!check) writeFileSync(TYPES, made);
else if (readFileSync(TYPES, "utf8") !== made) {
	console.error("sdk/src/schema.ts is not what is made of sdk/openapi.json: npm run sdk:types");
	process.exit(1);
}

/** What the Worker answers. */
async function served(): Promise<object> {
	const { unstable_startWorker } = await import("wrangler");
	const worker = await unstable_startWorker({
		config: join(ROOT, "wrangler.toml"),
		bindings: { AUTH_SECRET: { type: "plain_text", value: "not a secret: nobody signs in here" } },
		dev: { logLevel: "error", server: { port: 0 }, inspector: false, persist: false },
	});
	try {
		const response = await worker.fetch("http://localhost/openapi.json");
		return (await response.json()) as object;
	} finally {
		await worker.dispose();
	}
}

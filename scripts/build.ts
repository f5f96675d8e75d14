/** Puts the static files together in `dist/web`: the API reference and the parts it needs, so that it loads nothing from elsewhere. */
import { cp, mkdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const target = join(root, "dist/web");
const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await cp(join(root, "web"), target, { recursive: true });
for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"])
	await cp(join(swagger, file), join(target, "docs", file));

/**
 * Puts the static files together in `dist/web`: the web app, and the API reference with the parts it needs, so that it
 * loads nothing from elsewhere. Fails when the script that a first visit fetches has grown too large.
 */
import { cp, readdir, readFile, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** Bytes of script, gzipped, that the first load of `/` may fetch. */
const FIRST_LOAD = 100 * 1024;

const root = join(import.meta.dirname, "..");
const target = join(root, "dist/web");

const startedAt = Date.now();
await build({ configFile: join(root, "web/vite.config.ts"), logLevel: "warn" });
const swagger = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
for (const file of ["swagger-ui.css", "swagger-ui-bundle.js"])
	await cp(join(swagger, file), join(target, "docs", file));

await removeOld();
const scripts = await firstLoad();
const bytes = scripts.reduce((sum, size) => sum + size, 0);
const size = `${(bytes / 1024).toFixed(1)} KB of script gzipped in ${scripts.length} files`;
if (bytes > FIRST_LOAD) {
	console.error(`The first load of the web app is ${size}: more than ${FIRST_LOAD / 1024} KB.`);
	process.exit(1);
}
console.log(`Web app: the first load is ${size}.`);

/** Deletes what this build has not written. Two builds at once leave each other what they write. */
async function removeOld(): Promise<void> {
	for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
		const file = join(entry.parentPath, entry.name);
		// File systems count in steps of up to two seconds.
		if (entry.isFile() && (await stat(file)).mtimeMs < startedAt - 2000) await rm(file, { force: true });
	}
}

/** Bytes, gzipped, of the scripts that the page fetches itself, and of the largest language. */
async function firstLoad(): Promise<number[]> {
	const size = async (file: string) => gzipSync(await readFile(join(target, file)), { level: 9 }).length;
	const page = await readFile(join(target, "index.html"), "utf8");
	const named = [...page.matchAll(/"\/(assets\/[^"]+\.js)"/g)].map(([, file = ""]) => size(file));
	const assets = await readdir(join(target, "assets"));
	const languages = await Promise.all(
		assets.filter((name) => /^(en|ko|ja)-.*\.js$/.test(name)).map((name) => size(`assets/${name}`)),
	);
	return [...(await Promise.all(named)), Math.max(...languages)];
}

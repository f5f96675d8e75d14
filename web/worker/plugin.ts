import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "vite";

/** Files of `web/public` that belong to the app; the API reference is not read offline. */
const PUBLIC = ["manifest.webmanifest", "icons/icon.svg", "icons/icon-192.png"];

/**
 * Builds the service worker when the app is built, with the list of its files: `sw.js`, one file without imports. A file
 * whose name has its hash is fetched once; the others have their hash beside their name.
 */
export function serviceWorker(): Plugin {
	let root = "";
	let target = "";
	let files: string[] = [];
	return {
		name: "edgefeed-service-worker",
		apply: "build",
		configResolved(config) {
			root = config.root;
			target = config.build.outDir;
		},
		writeBundle(_, bundle) {
			files = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
		},
		async closeBundle() {
			const hash = async (name: string) =>
				createHash("sha256")
					.update(await readFile(join(target, name)))
					.digest("hex")
					.slice(0, 16);
			const precache = [
				{ url: "/", revision: await hash("index.html") },
				...(await Promise.all(PUBLIC.map(async (name) => ({ url: `/${name}`, revision: await hash(name) })))),
				...files.sort().map((name) => ({ url: `/${name}`, revision: null })),
			];
			await build({
				configFile: false,
				logLevel: "warn",
				root,
				publicDir: false,
				define: {
					"process.env.NODE_ENV": JSON.stringify("production"),
					__PRECACHE__: JSON.stringify(precache),
					__API_ORIGIN__: JSON.stringify(process.env.VITE_API_URL ? new URL(process.env.VITE_API_URL).origin : ""),
				},
				build: {
					outDir: target,
					emptyOutDir: false,
					copyPublicDir: false,
					lib: {
						entry: join(root, "worker/service-worker.ts"),
						formats: ["iife"],
						name: "worker",
						fileName: () => "sw.js",
					},
				},
			});
		},
	};
}

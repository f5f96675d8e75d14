import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { headersFile } from "./headers.ts";
import { serviceWorker } from "./worker/plugin.ts";

const here = import.meta.dirname;
/** What the Worker answers itself; the same list as `run_worker_first` in wrangler.toml. */
const WORKER = ["/v1", "/auth", "/ops", "/media", "/openapi.json", "/healthz", "/readyz"];

const headers: Plugin = {
	name: "edgefeed-headers",
	apply: "build",
	generateBundle() {
		this.emitFile({ type: "asset", fileName: "_headers", source: headersFile(process.env.VITE_API_URL) });
	},
};

/** Has the page fetch what main.ts is about to import, with all that it needs. */
const preload: Plugin = {
	name: "edgefeed-preload",
	apply: "build",
	transformIndexHtml: {
		order: "post",
		handler(html, { bundle = {} }) {
			const scripts = new Set<string>();
			const styles = new Set<string>();
			const visit = (file: string) => {
				const chunk = bundle[file];
				if (chunk?.type !== "chunk" || scripts.has(file)) return;
				scripts.add(file);
				for (const style of chunk.viteMetadata?.importedCss ?? []) styles.add(style);
				for (const each of chunk.imports) visit(each);
			};
			for (const chunk of Object.values(bundle))
				if (chunk.type === "chunk" && chunk.moduleIds.includes(join(here, "src/app.tsx"))) visit(chunk.fileName);
			if (scripts.size === 0) throw new Error("No file of the build has src/app.tsx.");
			const link = (rel: string) => (file: string) => ({
				tag: "link",
				attrs: { rel, crossorigin: true, href: `/${file}` },
				injectTo: "head" as const,
			});
			const missing = (files: Set<string>) => [...files].filter((file) => !html.includes(file));
			// What asks for the feed comes before what draws it.
			const later = missing(scripts)
				.map(link("modulepreload"))
				.map((tag) => ({ ...tag, attrs: { ...tag.attrs, fetchpriority: "low" } }));
			return [...later, ...missing(styles).map(link("stylesheet"))];
		},
	},
};

export default defineConfig({
	root: here,
	resolve: {
		alias: {
			"@edgefeed/sdk": join(here, "../sdk/src/index.ts"),
			react: "preact/compat",
			"react-dom": "preact/compat",
			"react/jsx-runtime": "preact/jsx-runtime",
		},
	},
	oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
	plugins: [headers, preload, serviceWorker()],
	build: {
		outDir: join(here, "../dist/web"),
		// Somebody may be serving it: scripts/build.ts deletes what is old when what is new is there.
		emptyOutDir: false,
		// A `data:` address is none of the policy's.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		chunkSizeWarningLimit: 2000,
		rolldownOptions: {
			onwarn(warning, warn) {
				// "use client" means nothing here.
				if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
			},
			output: {
				// Two files in the place of twenty: what begins to read, and what draws the first screens.
				codeSplitting: {
					groups: [
						{ name: "start", tags: ["$initial"], priority: 2 },
						{ name: "app", test: /[\\/]web[\\/]src[\\/]app\.tsx$/, priority: 1 },
					],
				},
			},
		},
	},
	server: {
		proxy: Object.fromEntries(
			WORKER.map((path) => [path, { target: process.env.API ?? "http://localhost:8787", ws: true }]),
		),
	},
});

/**
 * `npm run test:browser [-- FILTER…]`: the web app in Chromium, against `npm start` on a state of its own. `URL_UNDER_TEST`
 * and `OPERATOR_SECRET` together name a server that runs already; `CHROMIUM` a browser that is not `/usr/bin/chromium`.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./client.ts";
import { Outside } from "./outside-page.ts";
import { systemUnderTest } from "./whole-system.ts";

const outside = await Outside.open();
const start = performance.now();
const system = await systemUnderTest(outside.variables);
outside.serve(system.url);
console.log(`the system is up (${((performance.now() - start) / 1000).toFixed(1)} s)`);
try {
	// One file after the other: the server and the browser share the cores with them.
	const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
	const args = [vitest, "run", "--project", "browser", "--no-file-parallelism", ...process.argv.slice(2)];
	const child = spawn(process.execPath, args, {
		cwd: ROOT,
		stdio: "inherit",
		env: {
			...process.env,
			URL_UNDER_TEST: system.url,
			OPERATOR_SECRET: system.operatorSecret,
			OUTSIDE_URL: outside.url,
		},
	});
	process.exitCode = await new Promise<number>((exit) => child.on("exit", (code) => exit(code ?? 1)));
} finally {
	await system.close();
	await outside.close();
}

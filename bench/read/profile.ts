/** Where the time of a row goes: a CPU profile of the isolate, over the Chrome DevTools Protocol. */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { basename, dirname, relative, resolve } from "node:path";
import { ROOT } from "../../scripts/client.ts";
import { table } from "../results.ts";

/** Microseconds. */
const INTERVAL = 200;
const SHOWN = 40;

/** What Miniflare calls the Worker, beside the ones of its own. */
const WORKER = /^core:user:/;

interface Target {
	id: string;
	webSocketDebuggerUrl: string;
}
interface ProfileNode {
	id: number;
	callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
	children?: number[];
}
interface Profile {
	nodes: ProfileNode[];
	samples: number[];
}

/** Profiles while `load` runs. @returns a table of the functions by the time spent in themselves. */
export async function profile(inspectorPort: number, module: string, load: () => Promise<unknown>): Promise<string> {
	const targets = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json`)).json()) as Target[];
	const target = targets.find(({ id }) => WORKER.test(id));
	if (!target) throw new Error("no isolate to profile");
	const session = await Session.open(target.webSocketDebuggerUrl);
	try {
		await session.send("Profiler.enable");
		await session.send("Profiler.setSamplingInterval", { interval: INTERVAL });
		await session.send("Profiler.start");
		await load();
		const { profile } = (await session.send("Profiler.stop")) as { profile: Profile };
		return selfTimes(profile, module);
	} finally {
		session.close();
	}
}

class Session {
	readonly #socket: WebSocket;
	readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
	#last = 0;

	private constructor(socket: WebSocket) {
		this.#socket = socket;
		socket.addEventListener("message", ({ data }) => {
			const { id, result, error } = JSON.parse(String(data)) as {
				id?: number;
				result?: unknown;
				error?: { message: string };
			};
			const call = this.#waiting.get(id ?? 0);
			this.#waiting.delete(id ?? 0);
			if (error) call?.reject(new Error(error.message));
			else call?.resolve(result);
		});
		socket.addEventListener("close", () => {
			for (const { reject } of this.#waiting.values()) reject(new Error("the inspector hung up"));
		});
	}

	static async open(url: string): Promise<Session> {
		const socket = new WebSocket(url);
		await new Promise((resolve, reject) => {
			socket.addEventListener("open", resolve, { once: true });
			socket.addEventListener("error", () => reject(new Error("the inspector does not answer")), { once: true });
		});
		return new Session(socket);
	}

	send(method: string, params: object = {}): Promise<unknown> {
		const id = ++this.#last;
		this.#socket.send(JSON.stringify({ id, method, params }));
		return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
	}

	close(): void {
		this.#socket.close();
	}
}

/** By the sources that the module was built of; what is the runtime's own, by who calls it. */
function selfTimes({ nodes, samples }: Profile, module: string): string {
	const map = new SourceMap(JSON.parse(readFileSync(`${module}.map`, "utf8")));
	const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((id) => [id, node] as const)));
	const nameOf = ({ id, callFrame: { functionName, url, lineNumber, columnNumber } }: ProfileNode): string => {
		const name = functionName || "(anonymous)";
		if (url === "") {
			const caller = parents.get(id);
			return caller?.callFrame.url ? `${name} in ${nameOf(caller)}` : name;
		}
		if (!url.endsWith(basename(module))) return `${name} ${url}`;
		const origin = map.findEntry(lineNumber, columnNumber);
		if (!("originalSource" in origin)) return name;
		const file = relative(ROOT, resolve(dirname(module), origin.originalSource)).replace(/^node_modules\//, "");
		return `${name} ${file}:${origin.originalLine + 1}`;
	};
	const names = new Map(nodes.map((node) => [node.id, nameOf(node)]));
	const counts = new Map<string, number>();
	for (const sample of samples) {
		const name = names.get(sample) ?? "?";
		counts.set(name, (counts.get(name) ?? 0) + 1);
	}
	const rows = [...counts]
		.sort((a, b) => b[1] - a[1])
		.slice(0, SHOWN)
		.map(([name, count]) => [name, `${((count / samples.length) * 100).toFixed(1)} %`]);
	return table(["function", "self"], rows);
}

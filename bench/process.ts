/** The process of the runtime, as the system sees it. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** The workerd that this process started: one at a time. */
export function workerdPid(): number {
	const children = execFileSync("ps", ["-o", "pid=,comm=", "--ppid", String(process.pid)], { encoding: "utf8" });
	const pid = /(\d+) workerd/.exec(children)?.[1];
	if (!pid) throw new Error("no workerd");
	return Number(pid);
}

/** Resident memory. */
export function residentKilobytes(pid: number): number {
	return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

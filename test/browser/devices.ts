import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { Device, openBrowser } from "./device.ts";
import { PASSWORD, type Person, url } from "./server.ts";
import { signIn } from "./story.ts";

/** A browser for the tests of a file, and devices that are closed after each; no test may end with a fault. */
export function devices() {
	let browser: Browser;
	const opened: Device[] = [];
	beforeAll(async () => {
		browser = await openBrowser();
	});
	afterEach(async () => {
		const devices = opened.splice(0);
		const faults = devices.flatMap((device) => device.faults);
		await Promise.all(devices.map(({ context }) => context.close()));
		expect(faults).toEqual([]);
	});
	afterAll(() => browser?.close());
	return {
		async open(options?: BrowserContextOptions): Promise<Device> {
			const device = await Device.open(browser, url, options);
			opened.push(device);
			return device;
		},
		/** A device on which somebody is signed in, at her feed. */
		async of(person: Person, options?: BrowserContextOptions): Promise<Device> {
			const device = await this.open(options);
			await signIn(device.page, person.username, PASSWORD);
			return device;
		},
	};
}

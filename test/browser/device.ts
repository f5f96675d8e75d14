/** Chromium as people use it: each device has cookies, storage and connections of its own. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** The widths that everything is looked at in. */
export const PHONE = { width: 390, height: 844 } as const;
export const DESKTOP = { width: 1280, height: 800 } as const;

/**
 * What a browser says of a request that failed; a test that wants an error looks at the page instead. A socket is refused,
 * or given up before it is open, when its owner signs out just then.
 */
const REQUEST_FAILED =
	/^(Failed to load resource: |WebSocket connection to '\S+' failed: (.*ERR_INTERNET_DISCONNECTED|HTTP Authentication failed|WebSocket is closed before))/;

export async function openBrowser(): Promise<Browser> {
	const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
	if (!existsSync(executablePath)) throw new Error(`no Chromium at ${executablePath}: install it or set CHROMIUM`);
	// Nothing but our own pages is opened, and a container has no user that could have a sandbox.
	return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export class Device {
	readonly context: BrowserContext;
	readonly page: Page;
	/** What no test may see: exceptions, errors in the console, violations of the policy, answers of 500 and above. */
	readonly faults: string[];

	private constructor(context: BrowserContext, page: Page, faults: string[]) {
		this.context = context;
		this.page = page;
		this.faults = faults;
	}

	/** Opens a device on no page. Times in tests are short, because everything is on this machine. */
	static async open(browser: Browser, baseURL: string, options: BrowserContextOptions = {}): Promise<Device> {
		const context = await browser.newContext({ baseURL, locale: "en-US", viewport: DESKTOP, ...options });
		context.setDefaultTimeout(10_000);
		const faults: string[] = [];
		await context.addInitScript(() => {
			document.addEventListener(
				"securitypolicyviolation",
				({ effectiveDirective, blockedURI, sourceFile, lineNumber }) =>
					console.error(`policy violated: ${effectiveDirective} ${blockedURI} at ${sourceFile}:${lineNumber}`),
			);
		});
		context.on("weberror", (error) => faults.push(`exception: ${error.error().stack ?? error.error().message}`));
		context.on("console", (message) => {
			if (message.type() === "error" && !REQUEST_FAILED.test(message.text())) faults.push(message.text());
		});
		context.on("response", (response) => {
			if (response.status() >= 500) faults.push(`${response.status()} from ${new URL(response.url()).pathname}`);
		});
		return new Device(context, await context.newPage(), faults);
	}

	/** Another tab of the same browser. */
	tab(): Promise<Page> {
		return this.context.newPage();
	}
}

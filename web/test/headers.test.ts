import { expect, it } from "vitest";
import { headersFile } from "../headers.ts";

/** The policy of an address, as the last rule that sets one for it says. */
const policies = (file: string) => file.match(/Content-Security-Policy: .*/g) ?? [];

it("the app's policy allows nothing inline, and nothing from elsewhere but pictures, videos and uploads", () => {
	const [app = ""] = policies(headersFile());
	expect(app).not.toMatch(/unsafe|wasm/);
	expect(app).toContain("script-src 'self';");
	expect(app).toContain("style-src 'self';");
	expect(app).toContain("connect-src 'self' https://*.r2.cloudflarestorage.com;");
});

it("an API that is elsewhere may be asked, over HTTP and by socket", () => {
	const [app = ""] = policies(headersFile("https://api.example.com"));
	expect(app).toContain("connect-src 'self' https://api.example.com wss://api.example.com ");
	expect(app).toContain("script-src 'self';");
});

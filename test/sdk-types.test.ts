import { expect, it } from "vitest";
import root from "../package.json?raw";
import document from "../sdk/openapi.json?raw";
import manifest from "../sdk/package.json?raw";
import { call } from "./api.ts";

it("sdk/openapi.json is the document that the Worker serves: npm run sdk:types makes it anew", async () => {
	const { body } = await call("GET", "/openapi.json");
	expect(JSON.parse(document)).toEqual(body);
});

it("the SDK is tested with the libraries that it asks for", () => {
	const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> };
	const { devDependencies } = JSON.parse(root) as { devDependencies: Record<string, string> };
	for (const [name, version] of Object.entries(dependencies)) expect(devDependencies[name], name).toBe(version);
});

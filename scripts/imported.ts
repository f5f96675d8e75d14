import { globSync, readFileSync } from "node:fs";

/** The packages, with their subpaths, that TypeScript files import: `["hono", "hono/cors", …]`. */
export function importedBy(files: string[]): string[] {
	const found = new Set<string>();
	for (const file of globSync(files)) {
		const imports = readFileSync(file, "utf8").matchAll(/\b(?:from |import\()"([a-z@][^":]*)"/g);
		for (const [, name] of imports) found.add(name as string);
	}
	return [...found].sort();
}

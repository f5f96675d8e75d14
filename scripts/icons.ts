/**
 * Makes the app's icons, `web/public/icons/*.png`, from the one that is drawn: `icon.svg`. `npm run icons`, after it
 * was changed; the files are committed. sharp comes with miniflare.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

interface Sharp {
	resize(width: number, height: number): Sharp;
	png(options: { palette: boolean }): Sharp;
	toBuffer(): Promise<Buffer>;
}

const { resolve } = createRequire(import.meta.url);
const sharp = createRequire(resolve("miniflare"))("sharp") as (input: Buffer, options: { density: number }) => Sharp;

const folder = join(import.meta.dirname, "../web/public/icons");
const drawn = await readFile(join(folder, "icon.svg"), "utf8");
/** Launchers cut their own shape out of it: to the edges, with what matters in the middle four fifths. */
const whole = drawn
	.replace('rx="112"', "")
	.replace("<g ", '<g transform="translate(51 51) scale(.8)" ')
	.replace("<circle ", '<circle transform="translate(51 51) scale(.8)" ');

await render(drawn, 192, "icon-192.png");
await render(drawn, 512, "icon-512.png");
await render(whole, 512, "maskable-512.png");
// Apple rounds the corners itself, and shows what is see-through in black.
await render(drawn.replace('rx="112"', ""), 180, "apple-touch-icon.png");

async function render(svg: string, side: number, name: string): Promise<void> {
	const bytes = await sharp(Buffer.from(svg), { density: 288 }).resize(side, side).png({ palette: true }).toBuffer();
	await writeFile(join(folder, name), bytes);
	console.log(`${name}: ${bytes.length} bytes`);
}

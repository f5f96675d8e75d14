/** Pictures for the demo's posts, painted here point by point: nobody's photos, and nothing to download. */
import { encode } from "fast-png";

export interface Picture {
	/** PNG. */
	bytes: Uint8Array<ArrayBuffer>;
	alt: string;
}

/** Each part from 0 to 255. */
type Colour = readonly [red: number, green: number, blue: number];

/** What is painted over what is there already: how much of a point it covers, from 0 to 1, and in which colour. */
type Layer = (x: number, y: number) => readonly [cover: number, colour: Colour];

interface Palette {
	alt: string;
	sky: readonly [high: string, middle: string, low: string];
	sun: string;
	hills: readonly [far: string, middle: string, near: string];
	water: string;
}

const PALETTES: readonly Palette[] = [
	{
		alt: "The sun comes up behind three rows of blue hills above a lake",
		sky: ["#2b3a67", "#d9778b", "#ffd6a5"],
		sun: "#fff1c9",
		hills: ["#6b5b95", "#44477a", "#262a52"],
		water: "#8a6a93",
	},
	{
		alt: "Green hills at noon, and a lake without a wave",
		sky: ["#4aa3df", "#9fd3f2", "#e8f6fd"],
		sun: "#fffbe6",
		hills: ["#8fbf9f", "#4f9d69", "#246a47"],
		water: "#6fb7d6",
	},
	{
		alt: "A full moon over dark mountains",
		sky: ["#060b1f", "#14204a", "#31417a"],
		sun: "#f4f1de",
		hills: ["#26335f", "#182244", "#0c1329"],
		water: "#1c2a57",
	},
];
const SHIRTS = ["#2563a8", "#c2622d", "#3f8f5b", "#8a5fb0", "#b23a48", "#33658a"];
const WALLS = ["#fbe3c8", "#d7ecd9", "#dfe3f6", "#f6dbe4", "#fdf0c4", "#d3eef2"];
const HAIR = ["#2b2118", "#5b3a21", "#1b1b1f", "#7a4a2b", "#3a2f2a", "#24211f"];
const SKIN = ["#c98e66", "#e8b894"];

export const LANDSCAPES = PALETTES.length;
export const FACES = SHIRTS.length;

/** The nth picture of hills, a lake and what stands above them. 960 × 720 points. */
export function landscape(n: number): Picture {
	const { alt, sky, sun, hills, water } = PALETTES[n % PALETTES.length] as Palette;
	const [high, middle, low] = sky.map(colourOf) as [Colour, Colour, Colour];
	const light = colourOf(sun);
	const shore = 0.77;
	const sunX = 0.88;
	const layers: Layer[] = [
		(_, y) => [
			1,
			y < shore * 0.55 ? mixed(high, middle, y / (shore * 0.55)) : mixed(middle, low, (y / shore - 0.55) / 0.45),
		],
		(x, y) => [0.8 * Math.max(0, 1 - Math.hypot(x - sunX, y - 0.36) / 0.3), light],
		disc(sunX, 0.36, 0.072, 0.072, light),
		...hills.map((hill, row) => {
			const waves = [1.1, 1.7, 2.6][row] as number;
			const base = [0.667, 0.717, 0.775][row] as number;
			const height = [0.275, 0.208, 0.158][row] as number;
			const colour = colourOf(hill);
			return (x: number, y: number) => {
				const swing = Math.sin(x * 4.8 * waves) + 0.45 * Math.sin(x * 12.3 * waves + 2);
				return [edge(base - height * (0.5 + swing / 3) - y), colour] as const;
			};
		}),
		(_, y) => [edge(shore - y), mixed(mixed(colourOf(water), low, 0.75), colourOf(water), (y - shore) / (1 - shore))],
		...Array.from({ length: 9 }, (_, wave): Layer => {
			const left = sunX - 0.067 - wave * 0.0117 + (wave % 3) * 0.018;
			const top = 0.788 + wave * 0.0225;
			const right = left + 0.125 + wave * 0.0217;
			return (x, y) => [(0.7 - wave * 0.06) * edge(Math.max(top - y, y - top - 0.0042, left - x, x - right)), light];
		}),
	];
	return { bytes: painted(960, 720, layers), alt };
}

/** The nth portrait. 240 × 240 points. */
export function face(n: number): Picture {
	const kind = n % FACES;
	const [wall, shirt, hair] = [WALLS, SHIRTS, HAIR].map((of) => colourOf(of[kind] as string)) as [
		Colour,
		Colour,
		Colour,
	];
	const skin = colourOf(SKIN[n % SKIN.length] as string);
	const eye = colourOf("#2b2118");
	const smile = colourOf("#7a3b32");
	const bytes = painted(240, 240, [
		() => [1, wall],
		disc(0.5, 1.06, 0.36, 0.4, shirt),
		disc(0.5, 0.62, 0.08, 0.14, skin),
		disc(0.5, 0.37, 0.2, 0.24, hair),
		disc(0.5, 0.44, 0.17, 0.205, skin),
		disc(0.43, 0.43, 0.018, 0.018, eye),
		disc(0.57, 0.43, 0.018, 0.018, eye),
		(x, y) => [y < 0.52 ? 0 : edge(Math.abs(Math.hypot(x - 0.5, y - 0.48) - 0.075) - 0.008), smile],
	]);
	return { bytes, alt: "" };
}

/** Paints layers over each other. Both directions are measured in the height of the picture. */
function painted(width: number, height: number, layers: readonly Layer[]): Uint8Array<ArrayBuffer> {
	const data = new Uint8Array(width * height * 3);
	for (let row = 0, at = 0; row < height; row++) {
		for (let column = 0; column < width; column++, at += 3) {
			let colour: Colour = [0, 0, 0];
			for (const layer of layers) {
				const [cover, over] = layer((column + 0.5) / height, (row + 0.5) / height);
				if (cover > 0) colour = mixed(colour, over, cover);
			}
			data.set(colour.map(Math.round), at);
		}
	}
	return new Uint8Array(encode({ width, height, data, channels: 3 }));
}

/** An ellipse. */
function disc(x: number, y: number, width: number, height: number, colour: Colour): Layer {
	return (atX, atY) => [
		edge((Math.hypot((atX - x) / width, (atY - y) / height) - 1) * Math.min(width, height)),
		colour,
	];
}

/** The cover of a point at a distance from a shape, which is negative inside: soft over about a point and a half. */
function edge(distance: number): number {
	return Math.min(1, Math.max(0, 0.5 - distance * 450));
}

function mixed(one: Colour, other: Colour, share: number): Colour {
	const part = Math.min(1, Math.max(0, share));
	return [
		one[0] + (other[0] - one[0]) * part,
		one[1] + (other[1] - one[1]) * part,
		one[2] + (other[2] - one[2]) * part,
	];
}

/** @param text `#rrggbb` */
function colourOf(text: string): Colour {
	const number = Number.parseInt(text.slice(1), 16);
	return [number >> 16, (number >> 8) & 255, number & 255];
}

import { type Edit, sorted } from "./edits.ts";
import { Unusable } from "./unusable.ts";

/**
 * What MP4 and QuickTime files say beside sound and picture: where and when they were made, by which device, by whom.
 * The file is a tree of boxes (ISO/IEC 14496-12), and samples are found by their place in it; so nothing is moved:
 * what is not known to be needed becomes a `free` box of the same size, full of zeros.
 */

/** A box: where it begins, where its content does, and where it ends. */
interface Box {
	type: string;
	start: number;
	content: number;
	end: number;
}

export interface Video {
	width: number;
	height: number;
	/** Milliseconds. */
	duration: number;
	/** What makes the file tell nothing else. */
	edits: Edit[];
}

/** Reads some bytes of a file; fewer at its end. */
export type ReadBytes = (offset: number, length: number) => Promise<Uint8Array>;

/** Boxes at the top of a file that is no stream, and bytes of the one that describes the rest. */
const TOP_BOXES = 100;
const LARGEST_MOOV = 16 * 1024 * 1024;
/** Levels of boxes, and boxes in `moov`: several times what cameras write. */
const DEEPEST = 12;
const BOXES = 10_000;

const CONTAINERS = new Set(["trak", "edts", "mdia", "minf", "dinf", "stbl"]);
const KEPT = new Set(
	"mvhd tkhd elst mdhd hdlr vmhd smhd dref stsd stts ctts cslg stss stsc stsz stz2 stco co64 sdtp sgpd sbgp".split(" "),
);
/** Boxes that begin with a version, flags, and when the thing was made and changed. */
const DATED = new Set(["mvhd", "tkhd", "mdhd"]);
/** What is no box. */
const NONE = "";
const FREE = new TextEncoder().encode("free");

/** @throws Unusable `unreadable` for what cannot be understood */
export async function readVideo(read: ReadBytes, size: number): Promise<Video> {
	const edits: Edit[] = [];
	const samples: Box[] = [];
	let moov: Box | undefined;
	const top = await topBoxes(read, size);
	for (const box of top) {
		if (box.type === "ftyp") continue;
		if (box.type === NONE) edits.push({ at: box.start, zeros: box.end - box.start });
		else if (box.type === "mdat") samples.push(box);
		else if (box.type === "moov" && !moov) moov = box;
		else if (/^(moof|mfra|sidx|moov)$/.test(box.type)) throw new Unusable("unreadable");
		else blank(edits, box);
	}
	if (!moov || moov.end - moov.start > LARGEST_MOOV) throw new Unusable("unreadable");
	const bytes = await read(moov.start, moov.end - moov.start);
	const movie = new Movie(bytes, moov, edits);
	edits.push(...movie.gaps(samples));
	return { ...movie.measures(), edits: sorted(edits) };
}

async function topBoxes(read: ReadBytes, size: number): Promise<Box[]> {
	const boxes: Box[] = [];
	for (let at = 0; at < size; ) {
		if (boxes.length === TOP_BOXES) throw new Unusable("unreadable");
		const head = await read(at, 16);
		const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
		const box = fits(view, size - at) ? boxAt(view, 0, at, size) : { type: NONE, start: at, content: at, end: size };
		boxes.push(box);
		at = box.end;
	}
	return boxes;
}

/** Whether a box begins here: some cameras put something else behind the last one. */
function fits(view: DataView, left: number): boolean {
	if (view.byteLength < 8) return false;
	const length = view.getUint32(0);
	return length === 0 || length === 1 || (length >= 8 && length <= left);
}

/** @param from where the view begins in the file, @param limit where the box must have ended */
function boxAt(view: DataView, at: number, from: number, limit: number): Box {
	if (at + 8 > view.byteLength) throw new Unusable("unreadable");
	const start = from + at;
	let length = view.getUint32(at);
	let header = 8;
	if (length === 0) length = limit - start;
	if (length === 1) {
		if (at + 16 > view.byteLength) throw new Unusable("unreadable");
		length = Number(view.getBigUint64(at + 8));
		header = 16;
	}
	if (length < header || start + length > limit) throw new Unusable("unreadable");
	const type = String.fromCharCode(...[4, 5, 6, 7].map((each) => view.getUint8(at + each)));
	return { type, start, content: start + header, end: start + length };
}

function blank(edits: Edit[], { start, content, end }: Box): void {
	edits.push({ at: start + 4, bytes: FREE });
	if (end > content) edits.push({ at: content, zeros: end - content });
}

interface Track {
	handler: string;
	width: number;
	height: number;
	/** Seconds. */
	duration: number;
	/** Where its runs of samples begin in the file. */
	chunks: number[];
}

/** The box `moov`: what its tracks are, and what in it is to go. */
class Movie {
	readonly #view: DataView;
	readonly #from: number;
	readonly #edits: Edit[];
	readonly #tracks: Track[] = [];
	/** Seconds. */
	#duration = 0;
	#boxes = 0;

	constructor(bytes: Uint8Array, moov: Box, edits: Edit[]) {
		if (bytes.byteLength !== moov.end - moov.start) throw new Unusable("unreadable");
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.#from = moov.start;
		this.#edits = edits;
		for (const box of this.#inside(moov)) {
			if (box.type === "mvhd") this.#duration = this.#durationIn(box);
			if (box.type === "trak") this.#readTrack(box);
			else this.#keep(box, 1);
		}
	}

	measures(): { width: number; height: number; duration: number } {
		const picture = this.#tracks.find(({ handler, width, height }) => handler === "vide" && width > 0 && height > 0);
		const duration = Math.max(this.#duration, picture?.duration ?? 0);
		if (!picture || !(duration > 0)) throw new Unusable("unreadable");
		return { width: picture.width, height: picture.height, duration: Math.round(duration * 1000) };
	}

	/**
	 * What between the samples is none of picture or sound: a run of samples goes on until the next one begins, of
	 * whichever track.
	 */
	gaps(samples: readonly Box[]): Edit[] {
		const starts = this.#tracks
			.flatMap(({ handler, chunks }) => chunks.map((at) => ({ at, kept: isShown(handler) })))
			.sort((a, b) => a.at - b.at || Number(b.kept) - Number(a.kept));
		const edits: Edit[] = [];
		let next = 0;
		for (const { content, end } of samples.toSorted((a, b) => a.start - b.start)) {
			while ((starts[next]?.at ?? end) < content) next++;
			let zeroFrom: number | undefined = content;
			for (; (starts[next]?.at ?? end) < end; next++) {
				const { at, kept } = starts[next] as { at: number; kept: boolean };
				if (kept && zeroFrom !== undefined) {
					if (at > zeroFrom) edits.push({ at: zeroFrom, zeros: at - zeroFrom });
					zeroFrom = undefined;
				} else if (!kept) zeroFrom ??= at;
				// Several that begin at the same place are one, and kept if one of them is.
				while (starts[next + 1]?.at === at) next++;
			}
			if (zeroFrom !== undefined && end > zeroFrom) edits.push({ at: zeroFrom, zeros: end - zeroFrom });
		}
		return edits;
	}

	#readTrack(trak: Box): void {
		const track: Track = { handler: "", width: 0, height: 0, duration: 0, chunks: [] };
		const visit = (box: Box, depth: number): void => {
			for (const each of this.#inside(box)) {
				if (CONTAINERS.has(each.type) && depth < DEEPEST) visit(each, depth + 1);
				else this.#note(each, track, box.type);
			}
		};
		visit(trak, 1);
		this.#tracks.push(track);
		if (!isShown(track.handler)) {
			blank(this.#edits, trak);
			return;
		}
		const clear = (box: Box, depth: number): void => {
			for (const each of this.#inside(box)) {
				if (CONTAINERS.has(each.type) && depth < DEEPEST) clear(each, depth + 1);
				else this.#keep(each, depth);
			}
		};
		clear(trak, 1);
	}

	#note(box: Box, track: Track, parent: string): void {
		const at = box.content - this.#from;
		const length = box.end - box.content;
		const view = this.#view;
		if (box.type === "hdlr" && parent === "mdia" && length >= 12) {
			track.handler = String.fromCharCode(...[8, 9, 10, 11].map((each) => view.getUint8(at + each)));
		} else if (box.type === "mdhd") {
			track.duration = this.#durationIn(box);
		} else if (box.type === "tkhd") {
			// The matrix and the sides are at the end (8.3.2): 16 bits of whole pixels, 16 of parts.
			if (length < 84) throw new Unusable("unreadable");
			const end = at + length;
			const turned = view.getInt32(end - 44) === 0 && view.getInt32(end - 40) !== 0;
			const [width, height] = [view.getUint32(end - 8) >>> 16, view.getUint32(end - 4) >>> 16];
			track.width = turned ? height : width;
			track.height = turned ? width : height;
		} else if (box.type === "stco" || box.type === "co64") {
			const bytes = box.type === "co64" ? 8 : 4;
			const count = length >= 8 ? view.getUint32(at + 4) : 0;
			if (8 + count * bytes > length) throw new Unusable("unreadable");
			for (let n = 0; n < count; n++) {
				const place = at + 8 + n * bytes;
				track.chunks.push(bytes === 8 ? Number(view.getBigUint64(place)) : view.getUint32(place));
			}
		}
	}

	/** Leaves a box as it is if it is needed, without its dates. */
	#keep(box: Box, depth: number): void {
		if (!KEPT.has(box.type) || depth > DEEPEST) blank(this.#edits, box);
		if (!DATED.has(box.type)) return;
		const long = this.#view.getUint8(box.content - this.#from) === 1;
		this.#edits.push({ at: box.content + 4, zeros: long ? 16 : 8 });
	}

	/** Seconds, by `mvhd` or `mdhd` (8.2.2, 8.4.2). */
	#durationIn({ content, end }: Box): number {
		const at = content - this.#from;
		const view = this.#view;
		const long = end - content >= 32 && view.getUint8(at) === 1;
		if (end - content < 20) throw new Unusable("unreadable");
		const scale = view.getUint32(at + (long ? 20 : 12));
		const duration = long ? Number(view.getBigUint64(at + 24)) : view.getUint32(at + 16);
		return scale > 0 ? duration / scale : 0;
	}

	*#inside({ content, end }: Box): Generator<Box> {
		for (let at = content; at < end; ) {
			if (++this.#boxes > BOXES) throw new Unusable("unreadable");
			// QuickTime may end a list with four zeros.
			if (end - at === 4 && this.#view.getUint32(at - this.#from) === 0) return;
			const box = boxAt(this.#view, at - this.#from, this.#from, end);
			yield box;
			at = box.end;
		}
	}
}

function isShown(handler: string): boolean {
	return handler === "vide" || handler === "soun";
}

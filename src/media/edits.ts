/** A change of a file that moves nothing: other bytes in a place, or zeros. */
export type Edit = { at: number; bytes: Uint8Array } | { at: number; zeros: number };

function lengthOf(edit: Edit): number {
	return "bytes" in edit ? edit.bytes.byteLength : edit.zeros;
}

export function sorted(edits: readonly Edit[]): Edit[] {
	return edits.toSorted((a, b) => a.at - b.at);
}

/** Passes a file on with changes. @param edits in order, none over another */
export function editing(edits: readonly Edit[]): TransformStream<Uint8Array, Uint8Array> {
	let position = 0;
	let next = 0;
	return new TransformStream<Uint8Array, Uint8Array>({
		transform(chunk, controller) {
			const end = position + chunk.byteLength;
			let bytes = chunk;
			for (; next < edits.length; next++) {
				const edit = edits[next] as Edit;
				if (edit.at >= end) break;
				if (bytes === chunk) bytes = chunk.slice();
				write(bytes, edit, position);
				// The rest of it is in the next chunk.
				if (edit.at + lengthOf(edit) > end) break;
			}
			position = end;
			controller.enqueue(bytes);
		},
	});
}

/** @param position of the first of the bytes */
function write(bytes: Uint8Array, edit: Edit, position: number): void {
	const from = Math.max(edit.at - position, 0);
	const to = Math.min(edit.at + lengthOf(edit) - position, bytes.byteLength);
	if (to <= from) return;
	if ("zeros" in edit) bytes.fill(0, from, to);
	else bytes.set(edit.bytes.subarray(position + from - edit.at, position + to - edit.at), from);
}

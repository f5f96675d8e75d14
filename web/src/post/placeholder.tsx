import { useEffect, useRef } from "preact/hooks";

const SIDE = 32;

/** The colours of a photo that is not there yet. What reads them is fetched with the first one. */
export function Placeholder({ hash }: { hash: string }) {
	const canvas = useRef<HTMLCanvasElement>(null);
	useEffect(() => {
		let gone = false;
		void import("blurhash").then(({ decode }) => {
			const context = gone ? null : canvas.current?.getContext("2d");
			if (!context) return;
			try {
				context.putImageData(new ImageData(new Uint8ClampedArray(decode(hash, SIDE, SIDE)), SIDE, SIDE), 0, 0);
			} catch {
				// A hash that is none leaves the place grey.
			}
		});
		return () => {
			gone = true;
		};
	}, [hash]);
	return <canvas ref={canvas} class="placeholder" width={SIDE} height={SIDE} />;
}

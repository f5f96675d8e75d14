import { useEffect, useRef, useState } from "preact/hooks";

/** A text as a QR code: black on white, whatever the theme is, because cameras want it so. */
export function QrCode({ text, label }: { text: string; label: string }) {
	const canvas = useRef<HTMLCanvasElement>(null);
	const [drawn, setDrawn] = useState(false);
	useEffect(() => {
		let wanted = true;
		import("lean-qr/nano").then(
			({ generate }) => {
				if (!wanted || !canvas.current) return;
				generate(text).toCanvas(canvas.current, { on: [0, 0, 0, 255], off: [255, 255, 255, 255] });
				setDrawn(true);
			},
			// The key beside it can be typed.
			() => undefined,
		);
		return () => {
			wanted = false;
		};
	}, [text]);
	return <canvas ref={canvas} class={drawn ? "qr-code" : "qr-code qr-code-waiting"} role="img" aria-label={label} />;
}

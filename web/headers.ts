/** Where signed addresses for uploads lead (docs/media.md). */
const UPLOADS = "https://*.r2.cloudflarestorage.com";

/**
 * The `_headers` file of the assets: one policy for the app, which has no inline script or style and may not make
 * either, and one for the API reference, whose library writes styles into its markup.
 *
 * @param api the origin of the API when it is not the app's own
 */
export function headersFile(api?: string): string {
	const other = api ? ` ${api} ${api.replace(/^http/, "ws")}` : "";
	const app = [
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		// Profiles may show a picture from any address, and one that is about to be sent is a blob.
		`img-src 'self' https: data: blob:${api ? ` ${api}` : ""}`,
		`media-src 'self' https: blob:${api ? ` ${api}` : ""}`,
		`connect-src 'self'${other} ${UPLOADS}`,
		"manifest-src 'self'",
		"worker-src 'self'",
		"font-src 'self'",
		"base-uri 'none'",
		"form-action 'self'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		// The only policy: the service worker's address (web/src/service-worker.ts).
		"trusted-types edgefeed",
	].join("; ");
	const reference =
		"default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
	const unneeded = ["camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb"];
	return `/*
  Content-Security-Policy: ${app}
  Cache-Control: no-cache
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Resource-Policy: same-origin
  Permissions-Policy: ${unneeded.map((name) => `${name}=()`).join(", ")}
  Referrer-Policy: no-referrer
  Strict-Transport-Security: max-age=31536000
  X-Content-Type-Options: nosniff
/assets/*
  ! Cache-Control
  Cache-Control: public, max-age=31536000, immutable
/docs
  ! Content-Security-Policy
  Content-Security-Policy: ${reference}
/docs/*
  ! Content-Security-Policy
  Content-Security-Policy: ${reference}
`;
}

/**
 * What every answer says to browsers (https://owasp.org/www-project-secure-headers/): it is data, whatever it looks like;
 * nothing in it may run, load or be framed; its address is told to nobody; and it is asked for over TLS only.
 */
export const SECURITY_HEADERS = {
	"content-security-policy": "default-src 'none'; frame-ancestors 'none'",
	"referrer-policy": "no-referrer",
	"strict-transport-security": "max-age=31536000",
	"x-content-type-options": "nosniff",
} as const;

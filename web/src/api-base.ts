/** Where the API is: an address of its own when one was given to the build, else where the app came from. */
export const API_BASE: string = import.meta.env.VITE_API_URL || location.origin;

/** The whole address of something that the API named by its path, like `/media/…`. */
export function apiAddress(path: string): string {
	return new URL(path, API_BASE).href;
}

/** What the app and its service worker have to agree on. */

/** The cache of photos that were seen. */
export const MEDIA_CACHE = "edgefeed-media";
/** To a worker that waits: become the one. */
export const TAKE_OVER = "take-over";
/** To the worker: delete the photos. */
export const FORGET_MEDIA = "forget-media";

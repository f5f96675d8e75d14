import { common } from "./common.ts";
import { compose } from "./compose.ts";
import { feed } from "./feed.ts";
import { offline } from "./offline.ts";
import { people } from "./people.ts";
import { post } from "./post.ts";
import { session } from "./session.ts";
import { settings } from "./settings.ts";
import { thread } from "./thread.ts";

/** The texts as they are written first; the other languages have the same keys. */
const english = { common, session, feed, post, compose, thread, people, settings, offline };
export type English = typeof english;
export const dictionary: English = english;

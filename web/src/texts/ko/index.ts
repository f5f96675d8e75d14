import type { Dictionary } from "../texts.ts";
import { common } from "./common.ts";
import { compose } from "./compose.ts";
import { feed } from "./feed.ts";
import { offline } from "./offline.ts";
import { people } from "./people.ts";
import { post } from "./post.ts";
import { session } from "./session.ts";
import { settings } from "./settings.ts";
import { thread } from "./thread.ts";

export const dictionary: Dictionary = { common, session, feed, post, compose, thread, people, settings, offline };

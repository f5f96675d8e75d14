import type { Lives } from "../accounts/lives.ts";
import type { Sessions } from "../accounts/sessions.ts";
import type { AccountStore } from "../accounts/store.ts";
import type { ConnectedAccounts } from "../fanout/channel.ts";
import type { LifeJobs } from "../fanout/consume.ts";
import type { Graph } from "../graph/graph.ts";
import { Belongings } from "../life/belongings.ts";
import { Erasure } from "../life/erasure.ts";
import { Exporting } from "../life/exporting.ts";
import { Exports } from "../life/exports.ts";
import type { MediaKeeping } from "../media/keeping.ts";
import type { MediaStore } from "../media/store.ts";
import type { AuditLog } from "../ops/audit-log.ts";
import type { PostStore } from "../posts/store.ts";
import type { Ground } from "./ground.ts";

interface Parts {
	accounts: AccountStore;
	auditLog: AuditLog;
	channels: ConnectedAccounts;
	graph: Graph;
	lives: Lives;
	media: MediaKeeping;
	mediaStore: MediaStore;
	postStore: PostStore;
	sessions: Sessions;
}

/** What an account takes along, and what goes with it. */
export function lifeServices(
	{ env, shards, timelines, doorbell, minter, now }: Ground,
	{ accounts, auditLog, channels, graph, lives, media, mediaStore, postStore: posts, sessions }: Parts,
) {
	const database = env.IDENTITY;
	const belongings = new Belongings(shards);
	const exports = new Exports({ database, bucket: env.EXPORTS, shards, doorbell, minter, auditLog, now });
	const erasure = new Erasure({
		accounts,
		belongings,
		channels,
		exports,
		graph,
		lives,
		media,
		posts,
		sessions,
		shards,
		timelines,
	});
	const exporting = new Exporting({ database, accounts, belongings, exports, media: mediaStore, shards, timelines });
	const lifeJobs: LifeJobs = {
		run: ({ task, ...job }) =>
			task.kind === "erase" ? erasure.run({ ...job, task }) : exporting.run({ ...job, task }),
	};
	return { exports, lifeJobs };
}

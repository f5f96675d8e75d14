import { MediaAddresses } from "../media/addresses.ts";
import { Avatars } from "../media/avatars.ts";
import { MediaFiles } from "../media/files.ts";
import { MediaKeeping } from "../media/keeping.ts";
import { Processing } from "../media/process.ts";
import { MediaStore } from "../media/store.ts";
import { Uploads } from "../media/uploads.ts";
import { Doorbell, type JobMessage } from "../store/outbox.ts";
import { directUploadsOf } from "./configured.ts";
import type { Ground } from "./ground.ts";

/** Photos and videos: their uploads, files, addresses, and what becomes of them in the background. */
export function mediaServices({ env, settings, shards, minter, now }: Ground) {
	const mediaStore = new MediaStore(shards, now);
	const mediaFiles = new MediaFiles(env.MEDIA);
	const mediaAddresses = new MediaAddresses(settings.AUTH_SECRET, now);
	const mediaDoorbell = new Doorbell(env.MEDIA_JOBS as Queue<JobMessage>);
	const limits = settings.MEDIA_LIMITS;
	return {
		mediaStore,
		mediaFiles,
		mediaAddresses,
		mediaDoorbell,
		uploads: new Uploads({
			store: mediaStore,
			files: mediaFiles,
			direct: directUploadsOf(settings, now),
			addresses: mediaAddresses,
			doorbell: mediaDoorbell,
			minter,
			limits,
		}),
		media: new MediaKeeping(shards, mediaStore, mediaFiles),
		mediaJobs: new Processing({ shards, store: mediaStore, files: mediaFiles, images: env.IMAGES, limits }),
		avatars: new Avatars(shards, mediaStore, now),
	};
}

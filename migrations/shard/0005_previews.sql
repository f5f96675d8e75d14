-- What the links of posts show: docs/storage.md.

ALTER TABLE posts ADD COLUMN preview TEXT;
ALTER TABLE posts ADD COLUMN preview_image TEXT;
CREATE INDEX posts_by_preview_image ON posts (preview_image) WHERE preview_image IS NOT NULL;

-- What is known of addresses for a while. It is found again where it is lost, so it does not move with its shard.
CREATE TABLE previews (
  id TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  state TEXT NOT NULL,
  preview TEXT,
  good_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX previews_by_end ON previews (good_until);

-- What the links of posts show, as in migrations/shard/: docs/storage.md.

ALTER TABLE posts ADD COLUMN preview text;
ALTER TABLE posts ADD COLUMN preview_image text;
CREATE INDEX posts_by_preview_image ON posts (preview_image) WHERE preview_image IS NOT NULL;

CREATE TABLE previews (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  url text NOT NULL,
  state text NOT NULL,
  preview text,
  good_until bigint NOT NULL
);

CREATE INDEX previews_by_end ON previews (good_until);

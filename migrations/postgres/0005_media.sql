-- Photos, videos, stills and avatars, as in migrations/shard/: docs/media.md.

CREATE TABLE media (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  owner text COLLATE "C" NOT NULL,
  purpose text NOT NULL,
  status text NOT NULL,
  type text NOT NULL,
  size bigint NOT NULL,
  upload_id text COLLATE "C",
  parts text NOT NULL DEFAULT '',
  error text,
  alt text,
  width integer,
  height integer,
  duration integer,
  blurhash text,
  widths text,
  poster text COLLATE "C",
  attached_to text COLLATE "C",
  version integer NOT NULL DEFAULT 0,
  due_at bigint
);

CREATE INDEX media_by_owner ON media (owner, id);
CREATE INDEX media_attached ON media (attached_to) WHERE attached_to IS NOT NULL;
CREATE INDEX media_due ON media (due_at) WHERE due_at IS NOT NULL;

-- What a post shows, so that it is read with the post: JSON, or NULL when there is nothing.
ALTER TABLE posts ADD COLUMN media text;

CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON media
  FOR EACH ROW EXECUTE FUNCTION note_moving('id');

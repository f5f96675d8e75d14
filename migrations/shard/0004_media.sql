-- Photos, videos, stills and avatars, each on its owner's shard, with their files in the bucket MEDIA: docs/media.md.

CREATE TABLE media (
  id TEXT NOT NULL PRIMARY KEY,
  owner TEXT NOT NULL,
  purpose TEXT NOT NULL,
  status TEXT NOT NULL,
  type TEXT NOT NULL,
  size INTEGER NOT NULL,
  upload_id TEXT,
  parts TEXT NOT NULL DEFAULT '',
  error TEXT,
  alt TEXT,
  width INTEGER,
  height INTEGER,
  duration INTEGER,
  blurhash TEXT,
  widths TEXT,
  poster TEXT,
  attached_to TEXT,
  version INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER
) WITHOUT ROWID;

CREATE INDEX media_by_owner ON media (owner, id);
CREATE INDEX media_attached ON media (attached_to) WHERE attached_to IS NOT NULL;
CREATE INDEX media_due ON media (due_at) WHERE due_at IS NOT NULL;

-- What a post shows, so that it is read with the post: JSON, or NULL when there is nothing.
ALTER TABLE posts ADD COLUMN media TEXT;

CREATE TRIGGER moving_media_inserted AFTER INSERT ON media
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'media', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_media_updated AFTER UPDATE ON media
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'media', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_media_deleted AFTER DELETE ON media
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'media', OLD.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;

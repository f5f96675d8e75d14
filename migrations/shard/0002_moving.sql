-- What moving logical shards from one database to another needs: docs/sharding.md.

-- Ranges of logical shards that are on their way, from here or to here.
CREATE TABLE moves (
  low INTEGER NOT NULL PRIMARY KEY,
  high INTEGER NOT NULL,
  phase TEXT NOT NULL,
  holder TEXT,
  progress TEXT
) WITHOUT ROWID;

-- The primary keys that were written while their range is copied.
CREATE TABLE moved_keys (
  seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  shard INTEGER NOT NULL,
  table_name TEXT NOT NULL,
  key_one TEXT NOT NULL,
  key_two TEXT NOT NULL
);

-- Has a row within a transaction of the mover's and at no other time: its writes are not counted, noted or refused.
CREATE TABLE copying (token TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;

-- Every other write to a range that is not served from here is refused.
CREATE TRIGGER moved_keys_refused BEFORE INSERT ON moved_keys
WHEN EXISTS (SELECT 1 FROM moves WHERE NEW.shard BETWEEN low AND high AND phase <> 'copying') BEGIN
  SELECT RAISE(ABORT, 'shard_moved');
END;

-- The logical shard is in the ninth to eleventh characters of an id: src/store/ids.ts.
CREATE TRIGGER moving_profiles_inserted AFTER INSERT ON profiles
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'profiles', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_profiles_updated AFTER UPDATE ON profiles
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'profiles', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_profiles_deleted AFTER DELETE ON profiles
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'profiles', OLD.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_relations_inserted AFTER INSERT ON relations
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'relations', NEW.owner, NEW.other FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_relations_updated AFTER UPDATE ON relations
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'relations', NEW.owner, NEW.other FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.owner, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_relations_deleted AFTER DELETE ON relations
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'relations', OLD.owner, OLD.other FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.owner, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.owner, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.owner, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_posts_inserted AFTER INSERT ON posts
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'posts', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_posts_updated AFTER UPDATE ON posts
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'posts', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_posts_deleted AFTER DELETE ON posts
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'posts', OLD.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_post_versions_inserted AFTER INSERT ON post_versions
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'post_versions', NEW.post_id, NEW.written_at FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_post_versions_updated AFTER UPDATE ON post_versions
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'post_versions', NEW.post_id, NEW.written_at FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_post_versions_deleted AFTER DELETE ON post_versions
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'post_versions', OLD.post_id, OLD.written_at FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_likes_inserted AFTER INSERT ON likes
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'likes', NEW.post_id, NEW.account_id FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_likes_updated AFTER UPDATE ON likes
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'likes', NEW.post_id, NEW.account_id FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_likes_deleted AFTER DELETE ON likes
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'likes', OLD.post_id, OLD.account_id FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_inserted AFTER INSERT ON outbox
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_updated AFTER UPDATE ON outbox
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_deleted AFTER DELETE ON outbox
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox', OLD.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_chunks_inserted AFTER INSERT ON outbox_chunks
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox_chunks', NEW.job_id, NEW.chunk FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_chunks_updated AFTER UPDATE ON outbox_chunks
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox_chunks', NEW.job_id, NEW.chunk FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.job_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_outbox_chunks_deleted AFTER DELETE ON outbox_chunks
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'outbox_chunks', OLD.job_id, OLD.chunk FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.job_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.job_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.job_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_deliveries_inserted AFTER INSERT ON deliveries
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'deliveries', NEW.post_id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_deliveries_updated AFTER UPDATE ON deliveries
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'deliveries', NEW.post_id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_deliveries_deleted AFTER DELETE ON deliveries
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'deliveries', OLD.post_id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.post_id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_dead_letters_inserted AFTER INSERT ON dead_letters
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'dead_letters', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_dead_letters_updated AFTER UPDATE ON dead_letters
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'dead_letters', NEW.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(NEW.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;
CREATE TRIGGER moving_dead_letters_deleted AFTER DELETE ON dead_letters
WHEN EXISTS (SELECT 1 FROM moves) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    SELECT shard, 'dead_letters', OLD.id, '' FROM moves JOIN (SELECT (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 9, 1)) - 1) % 4 * 256 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 10, 1)) - 1) * 8 + (instr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(OLD.id, 11, 1)) - 1) / 4 AS shard)
    ON shard BETWEEN low AND high;
END;

-- The counts are copied with the rows: what the mover writes is not counted again.
DROP TRIGGER relations_inserted;
CREATE TRIGGER relations_inserted AFTER INSERT ON relations
WHEN NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET
    friend_count = friend_count + (NEW.friend_at IS NOT NULL OR NEW.friend_hold IS NOT NULL),
    follower_count = follower_count + (NEW.follower_at IS NOT NULL),
    following_count = following_count + (NEW.following_at IS NOT NULL)
  WHERE id = NEW.owner;
END;
DROP TRIGGER relations_updated;
CREATE TRIGGER relations_updated AFTER UPDATE ON relations
WHEN NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET
    friend_count = friend_count + (NEW.friend_at IS NOT NULL OR NEW.friend_hold IS NOT NULL)
      - (OLD.friend_at IS NOT NULL OR OLD.friend_hold IS NOT NULL),
    follower_count = follower_count + (NEW.follower_at IS NOT NULL) - (OLD.follower_at IS NOT NULL),
    following_count = following_count + (NEW.following_at IS NOT NULL) - (OLD.following_at IS NOT NULL)
  WHERE id = NEW.owner;
END;
DROP TRIGGER relations_deleted;
CREATE TRIGGER relations_deleted AFTER DELETE ON relations
WHEN NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET
    friend_count = friend_count - (OLD.friend_at IS NOT NULL OR OLD.friend_hold IS NOT NULL),
    follower_count = follower_count - (OLD.follower_at IS NOT NULL),
    following_count = following_count - (OLD.following_at IS NOT NULL)
  WHERE id = OLD.owner;
END;
DROP TRIGGER posts_inserted;
CREATE TRIGGER posts_inserted AFTER INSERT ON posts
WHEN NEW.parent_id IS NULL AND NEW.audience < 3 AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET post_count = post_count + 1 WHERE id = NEW.author_id;
END;
DROP TRIGGER posts_deleted;
CREATE TRIGGER posts_deleted AFTER DELETE ON posts
WHEN OLD.parent_id IS NULL AND OLD.audience < 3 AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET post_count = post_count - 1 WHERE id = OLD.author_id;
END;
DROP TRIGGER posts_reached;
CREATE TRIGGER posts_reached AFTER UPDATE OF audience ON posts
WHEN NEW.parent_id IS NULL AND (NEW.audience < 3) <> (OLD.audience < 3) AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE profiles SET post_count = post_count + (NEW.audience < 3) - (OLD.audience < 3) WHERE id = NEW.author_id;
END;
DROP TRIGGER comments_inserted;
CREATE TRIGGER comments_inserted AFTER INSERT ON posts
WHEN NEW.parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE posts SET comment_count = comment_count + 1 WHERE id = NEW.parent_id;
END;
DROP TRIGGER comments_deleted;
CREATE TRIGGER comments_deleted AFTER DELETE ON posts
WHEN OLD.parent_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE posts SET comment_count = comment_count - 1 WHERE id = OLD.parent_id;
END;
DROP TRIGGER likes_inserted;
CREATE TRIGGER likes_inserted AFTER INSERT ON likes
WHEN NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE posts SET like_count = like_count + 1 WHERE id = NEW.post_id;
END;
DROP TRIGGER likes_deleted;
CREATE TRIGGER likes_deleted AFTER DELETE ON likes
WHEN NOT EXISTS (SELECT 1 FROM copying) BEGIN
  UPDATE posts SET like_count = like_count - 1 WHERE id = OLD.post_id;
END;

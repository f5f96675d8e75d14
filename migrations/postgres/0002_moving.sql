-- What moving logical shards from one database to another needs, as in migrations/shard/: docs/sharding.md.

CREATE TABLE moves (
  low integer NOT NULL PRIMARY KEY,
  high integer NOT NULL,
  phase text NOT NULL,
  holder text,
  progress text
);

CREATE TABLE moved_keys (
  seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shard integer NOT NULL,
  table_name text NOT NULL,
  key_one text NOT NULL,
  key_two text NOT NULL
);

CREATE TABLE copying (token text NOT NULL PRIMARY KEY);

-- Its arguments are the columns of the primary key. The row of a move is held until the writing transaction ends, so
-- that closing a range waits for whoever wrote while it was open.
CREATE FUNCTION note_moving() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed jsonb;
  place integer;
  found_phase text;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM moves) OR EXISTS (SELECT 1 FROM copying) THEN RETURN NULL; END IF;
  IF TG_OP = 'DELETE' THEN changed := to_jsonb(OLD); ELSE changed := to_jsonb(NEW); END IF;
  SELECT (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(changed->>TG_ARGV[0], 9, 1)) - 1) % 4 * 256 + (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(changed->>TG_ARGV[0], 10, 1)) - 1) * 8 + (strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(changed->>TG_ARGV[0], 11, 1)) - 1) / 4 INTO place;
  SELECT phase INTO found_phase FROM moves WHERE place BETWEEN low AND high FOR SHARE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF found_phase <> 'copying' THEN RAISE EXCEPTION 'shard_moved'; END IF;
  INSERT INTO moved_keys (shard, table_name, key_one, key_two)
    VALUES (place, TG_TABLE_NAME, changed->>TG_ARGV[0], coalesce(changed->>TG_ARGV[1], ''));
  RETURN NULL;
END $$;

CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON profiles
  FOR EACH ROW EXECUTE FUNCTION note_moving('id');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON relations
  FOR EACH ROW EXECUTE FUNCTION note_moving('owner', 'other');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON posts
  FOR EACH ROW EXECUTE FUNCTION note_moving('id');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON post_versions
  FOR EACH ROW EXECUTE FUNCTION note_moving('post_id', 'written_at');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON likes
  FOR EACH ROW EXECUTE FUNCTION note_moving('post_id', 'account_id');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON outbox
  FOR EACH ROW EXECUTE FUNCTION note_moving('id');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON outbox_chunks
  FOR EACH ROW EXECUTE FUNCTION note_moving('job_id', 'chunk');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON deliveries
  FOR EACH ROW EXECUTE FUNCTION note_moving('post_id');
CREATE TRIGGER moving AFTER INSERT OR UPDATE OR DELETE ON dead_letters
  FOR EACH ROW EXECUTE FUNCTION note_moving('id');

-- The counts are copied with the rows: what the mover writes is not counted again.
CREATE OR REPLACE FUNCTION count_relations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  account text := CASE WHEN TG_OP = 'DELETE' THEN OLD.owner ELSE NEW.owner END;
  friends integer := 0;
  followers integer := 0;
  followings integer := 0;
BEGIN
  IF EXISTS (SELECT 1 FROM copying) THEN RETURN NULL; END IF;
  IF TG_OP <> 'DELETE' THEN
    friends := (NEW.friend_at IS NOT NULL OR NEW.friend_hold IS NOT NULL)::int;
    followers := (NEW.follower_at IS NOT NULL)::int;
    followings := (NEW.following_at IS NOT NULL)::int;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    friends := friends - (OLD.friend_at IS NOT NULL OR OLD.friend_hold IS NOT NULL)::int;
    followers := followers - (OLD.follower_at IS NOT NULL)::int;
    followings := followings - (OLD.following_at IS NOT NULL)::int;
  END IF;
  IF (friends, followers, followings) <> (0, 0, 0) THEN
    UPDATE profiles SET
      friend_count = friend_count + friends,
      follower_count = follower_count + followers,
      following_count = following_count + followings
    WHERE id = account;
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION count_posts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  post posts := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  posts_more integer := 0;
BEGIN
  IF EXISTS (SELECT 1 FROM copying) THEN RETURN NULL; END IF;
  IF post.parent_id IS NOT NULL THEN
    UPDATE posts SET comment_count = comment_count + CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -1 ELSE 0 END
      WHERE id = post.parent_id AND TG_OP <> 'UPDATE';
    RETURN NULL;
  END IF;
  IF TG_OP <> 'DELETE' THEN posts_more := (NEW.audience < 3)::int; END IF;
  IF TG_OP <> 'INSERT' THEN posts_more := posts_more - (OLD.audience < 3)::int; END IF;
  IF posts_more <> 0 THEN
    UPDATE profiles SET post_count = post_count + posts_more WHERE id = post.author_id;
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION count_likes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM copying) THEN RETURN NULL; END IF;
  IF TG_OP = 'INSERT' THEN
    UPDATE posts SET like_count = like_count + 1 WHERE id = NEW.post_id;
  ELSE
    UPDATE posts SET like_count = like_count - 1 WHERE id = OLD.post_id;
  END IF;
  RETURN NULL;
END $$;

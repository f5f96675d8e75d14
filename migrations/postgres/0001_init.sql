-- The tables of a shard in Postgres: the same as migrations/shard/ makes in D1, and a test compares them.
-- Ids are COLLATE "C", so that their order is the order of their bytes and so of time, whatever the database's own is.

CREATE TABLE profiles (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  username text NOT NULL,
  display_name text NOT NULL,
  bio text NOT NULL DEFAULT '',
  avatar_url text,
  region text NOT NULL,
  friend_count integer NOT NULL DEFAULT 0,
  follower_count integer NOT NULL DEFAULT 0,
  following_count integer NOT NULL DEFAULT 0,
  post_count integer NOT NULL DEFAULT 0,
  heavy integer NOT NULL DEFAULT 0,
  herald text COLLATE "C"
);

CREATE TABLE relations (
  owner text COLLATE "C" NOT NULL,
  other text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  friend_at bigint,
  friend_hold text COLLATE "C",
  requested_at bigint,
  requested_by_at bigint,
  following_at bigint,
  follower_at bigint,
  blocking_at bigint,
  blocked_by_at bigint,
  muting_at bigint,
  muting_until bigint,
  turn integer,
  PRIMARY KEY (owner, other)
);

CREATE INDEX relations_friends ON relations (owner, friend_at, other) WHERE friend_at IS NOT NULL;
CREATE INDEX relations_followers ON relations (owner, follower_at, other) WHERE follower_at IS NOT NULL;
CREATE INDEX relations_following ON relations (owner, following_at, other) WHERE following_at IS NOT NULL;
CREATE INDEX relations_requested ON relations (owner, requested_at, other) WHERE requested_at IS NOT NULL;
CREATE INDEX relations_requested_by ON relations (owner, requested_by_at, other) WHERE requested_by_at IS NOT NULL;
CREATE INDEX relations_blocking ON relations (owner, blocking_at, other) WHERE blocking_at IS NOT NULL;
CREATE INDEX relations_muting ON relations (owner, muting_at, other) WHERE muting_at IS NOT NULL;

-- Counts live beside what they count and change in the same transaction: no code path can forget them.
-- A held place counts as a friend, so that the limit is exact while an acceptance is under way.
CREATE FUNCTION count_relations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  account text := CASE WHEN TG_OP = 'DELETE' THEN OLD.owner ELSE NEW.owner END;
  friends integer := 0;
  followers integer := 0;
  followings integer := 0;
BEGIN
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
CREATE TRIGGER relations_counted AFTER INSERT OR UPDATE OR DELETE ON relations
  FOR EACH ROW EXECUTE FUNCTION count_relations();

CREATE TABLE posts (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  author_id text COLLATE "C" NOT NULL,
  parent_id text COLLATE "C",
  root_id text COLLATE "C",
  text text NOT NULL,
  audience integer NOT NULL,
  link text,
  edited_at bigint,
  like_count integer NOT NULL DEFAULT 0,
  comment_count integer NOT NULL DEFAULT 0
);

-- Covers the deep page: author, newest first, visible to whom.
CREATE INDEX posts_by_author ON posts (author_id, id DESC, audience) WHERE parent_id IS NULL;
CREATE INDEX posts_by_parent ON posts (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX posts_by_root ON posts (root_id, id) WHERE root_id IS NOT NULL;

-- Audience 3 is the author alone: a count that others see must not tell of such posts.
CREATE FUNCTION count_posts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  post posts := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  posts_more integer := 0;
BEGIN
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
CREATE TRIGGER posts_counted AFTER INSERT OR DELETE OR UPDATE OF audience ON posts
  FOR EACH ROW EXECUTE FUNCTION count_posts();

-- What a post or comment said before it was edited.
CREATE TABLE post_versions (
  post_id text COLLATE "C" NOT NULL,
  written_at bigint NOT NULL,
  text text NOT NULL,
  link text,
  PRIMARY KEY (post_id, written_at)
);

CREATE TABLE likes (
  post_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  liked_at bigint NOT NULL,
  PRIMARY KEY (post_id, account_id)
);

CREATE INDEX likes_by_time ON likes (post_id, liked_at, account_id);

CREATE FUNCTION count_likes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE posts SET like_count = like_count + 1 WHERE id = NEW.post_id;
  ELSE
    UPDATE posts SET like_count = like_count - 1 WHERE id = OLD.post_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER likes_counted AFTER INSERT OR DELETE ON likes FOR EACH ROW EXECUTE FUNCTION count_likes();

CREATE TABLE outbox (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  task text NOT NULL,
  progress text,
  attempts integer NOT NULL DEFAULT 0,
  due_at bigint NOT NULL,
  error text
);

CREATE INDEX outbox_due ON outbox (due_at);

CREATE TABLE outbox_chunks (
  job_id text COLLATE "C" NOT NULL,
  chunk integer NOT NULL,
  reason text NOT NULL,
  recipients text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at bigint NOT NULL,
  error text,
  PRIMARY KEY (job_id, chunk)
);

CREATE INDEX outbox_chunks_due ON outbox_chunks (due_at);

-- How far a post has come on its way to others.
CREATE TABLE deliveries (
  post_id text COLLATE "C" NOT NULL PRIMARY KEY,
  recipients integer NOT NULL,
  delivered integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0,
  started_at bigint NOT NULL,
  completed_at bigint
);

-- What was tried for the last time.
CREATE TABLE dead_letters (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  kind text NOT NULL,
  body text NOT NULL,
  error text,
  attempts integer NOT NULL,
  since bigint NOT NULL
);

-- The tables of a shard. src/store/schema.ts says the same to drizzle; docs/storage.md explains.
-- WITHOUT ROWID: the primary key is the table, so a row costs one row written and not two.

CREATE TABLE profiles (
  id TEXT NOT NULL PRIMARY KEY,
  username TEXT NOT NULL,
  display_name TEXT NOT NULL,
  bio TEXT NOT NULL DEFAULT '',
  avatar_url TEXT,
  region TEXT NOT NULL,
  friend_count INTEGER NOT NULL DEFAULT 0,
  follower_count INTEGER NOT NULL DEFAULT 0,
  following_count INTEGER NOT NULL DEFAULT 0,
  post_count INTEGER NOT NULL DEFAULT 0,
  heavy INTEGER NOT NULL DEFAULT 0,
  herald TEXT
) WITHOUT ROWID;

CREATE TABLE relations (
  owner TEXT NOT NULL,
  other TEXT NOT NULL,
  version INTEGER NOT NULL,
  friend_at INTEGER,
  friend_hold TEXT,
  requested_at INTEGER,
  requested_by_at INTEGER,
  following_at INTEGER,
  follower_at INTEGER,
  blocking_at INTEGER,
  blocked_by_at INTEGER,
  muting_at INTEGER,
  muting_until INTEGER,
  turn INTEGER,
  PRIMARY KEY (owner, other)
) WITHOUT ROWID;

CREATE INDEX relations_friends ON relations (owner, friend_at, other) WHERE friend_at IS NOT NULL;
CREATE INDEX relations_followers ON relations (owner, follower_at, other) WHERE follower_at IS NOT NULL;
CREATE INDEX relations_following ON relations (owner, following_at, other) WHERE following_at IS NOT NULL;
CREATE INDEX relations_requested ON relations (owner, requested_at, other) WHERE requested_at IS NOT NULL;
CREATE INDEX relations_requested_by ON relations (owner, requested_by_at, other) WHERE requested_by_at IS NOT NULL;

CREATE INDEX relations_blocking ON relations (owner, blocking_at, other) WHERE blocking_at IS NOT NULL;
CREATE INDEX relations_muting ON relations (owner, muting_at, other) WHERE muting_at IS NOT NULL;

-- Counts live beside what they count and change in the same transaction: no code path can forget them.
-- A held place counts as a friend, so that the limit is exact while an acceptance is under way.
CREATE TRIGGER relations_inserted AFTER INSERT ON relations BEGIN
  UPDATE profiles SET
    friend_count = friend_count + (NEW.friend_at IS NOT NULL OR NEW.friend_hold IS NOT NULL),
    follower_count = follower_count + (NEW.follower_at IS NOT NULL),
    following_count = following_count + (NEW.following_at IS NOT NULL)
  WHERE id = NEW.owner;
END;

CREATE TRIGGER relations_updated AFTER UPDATE ON relations BEGIN
  UPDATE profiles SET
    friend_count = friend_count + (NEW.friend_at IS NOT NULL OR NEW.friend_hold IS NOT NULL)
      - (OLD.friend_at IS NOT NULL OR OLD.friend_hold IS NOT NULL),
    follower_count = follower_count + (NEW.follower_at IS NOT NULL) - (OLD.follower_at IS NOT NULL),
    following_count = following_count + (NEW.following_at IS NOT NULL) - (OLD.following_at IS NOT NULL)
  WHERE id = NEW.owner;
END;

CREATE TRIGGER relations_deleted AFTER DELETE ON relations BEGIN
  UPDATE profiles SET
    friend_count = friend_count - (OLD.friend_at IS NOT NULL OR OLD.friend_hold IS NOT NULL),
    follower_count = follower_count - (OLD.follower_at IS NOT NULL),
    following_count = following_count - (OLD.following_at IS NOT NULL)
  WHERE id = OLD.owner;
END;

CREATE TABLE posts (
  id TEXT NOT NULL PRIMARY KEY,
  author_id TEXT NOT NULL,
  parent_id TEXT,
  root_id TEXT,
  text TEXT NOT NULL,
  audience INTEGER NOT NULL,
  link TEXT,
  edited_at INTEGER,
  like_count INTEGER NOT NULL DEFAULT 0,
  comment_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Covers the deep page: author, newest first, visible to whom. parent_id is always NULL in it and still
-- must stand there: SQLite looks the table up for a column that a query names and the index lacks.
CREATE INDEX posts_by_author ON posts (author_id, id DESC, audience, parent_id) WHERE parent_id IS NULL;
CREATE INDEX posts_by_parent ON posts (parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX posts_by_root ON posts (root_id, id) WHERE root_id IS NOT NULL;

-- Audience 3 is the author alone: a count that others see must not tell of such posts.
CREATE TRIGGER posts_inserted AFTER INSERT ON posts WHEN NEW.parent_id IS NULL AND NEW.audience < 3 BEGIN
  UPDATE profiles SET post_count = post_count + 1 WHERE id = NEW.author_id;
END;
CREATE TRIGGER posts_deleted AFTER DELETE ON posts WHEN OLD.parent_id IS NULL AND OLD.audience < 3 BEGIN
  UPDATE profiles SET post_count = post_count - 1 WHERE id = OLD.author_id;
END;
CREATE TRIGGER posts_reached AFTER UPDATE OF audience ON posts
WHEN NEW.parent_id IS NULL AND (NEW.audience < 3) <> (OLD.audience < 3) BEGIN
  UPDATE profiles SET post_count = post_count + (NEW.audience < 3) - (OLD.audience < 3) WHERE id = NEW.author_id;
END;
CREATE TRIGGER comments_inserted AFTER INSERT ON posts WHEN NEW.parent_id IS NOT NULL BEGIN
  UPDATE posts SET comment_count = comment_count + 1 WHERE id = NEW.parent_id;
END;
CREATE TRIGGER comments_deleted AFTER DELETE ON posts WHEN OLD.parent_id IS NOT NULL BEGIN
  UPDATE posts SET comment_count = comment_count - 1 WHERE id = OLD.parent_id;
END;

-- What a post or comment said before it was edited.
CREATE TABLE post_versions (
  post_id TEXT NOT NULL,
  written_at INTEGER NOT NULL,
  text TEXT NOT NULL,
  link TEXT,
  PRIMARY KEY (post_id, written_at)
) WITHOUT ROWID;

CREATE TABLE likes (
  post_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  liked_at INTEGER NOT NULL,
  PRIMARY KEY (post_id, account_id)
) WITHOUT ROWID;

CREATE INDEX likes_by_time ON likes (post_id, liked_at, account_id);

CREATE TRIGGER likes_inserted AFTER INSERT ON likes BEGIN
  UPDATE posts SET like_count = like_count + 1 WHERE id = NEW.post_id;
END;
CREATE TRIGGER likes_deleted AFTER DELETE ON likes BEGIN
  UPDATE posts SET like_count = like_count - 1 WHERE id = OLD.post_id;
END;

CREATE TABLE outbox (
  id TEXT NOT NULL PRIMARY KEY,
  task TEXT NOT NULL,
  progress TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  error TEXT
) WITHOUT ROWID;

CREATE INDEX outbox_due ON outbox (due_at);

CREATE TABLE outbox_chunks (
  job_id TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  reason TEXT NOT NULL,
  recipients TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,
  error TEXT,
  PRIMARY KEY (job_id, chunk)
) WITHOUT ROWID;

CREATE INDEX outbox_chunks_due ON outbox_chunks (due_at);

-- How far a post has come on its way to others.
CREATE TABLE deliveries (
  post_id TEXT NOT NULL PRIMARY KEY,
  recipients INTEGER NOT NULL,
  delivered INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  started_at INTEGER NOT NULL,
  completed_at INTEGER
) WITHOUT ROWID;

-- What was tried for the last time.
CREATE TABLE dead_letters (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  error TEXT,
  attempts INTEGER NOT NULL,
  since INTEGER NOT NULL
) WITHOUT ROWID;

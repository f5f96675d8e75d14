-- The shard map: the newest version is the one in force. Empty until the first change: SHARD_MAP of wrangler.toml is then.
CREATE TABLE shard_maps (
  version INTEGER NOT NULL PRIMARY KEY,
  document TEXT NOT NULL
);

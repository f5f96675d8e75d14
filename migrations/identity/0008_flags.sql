-- The flags of remote configuration: the newest version is in force, the older ones are its history. Empty until the first change.
CREATE TABLE flag_versions (
  version INTEGER NOT NULL PRIMARY KEY,
  document TEXT NOT NULL,
  name TEXT NOT NULL,
  actor TEXT NOT NULL,
  at INTEGER NOT NULL
);

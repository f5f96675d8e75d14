-- Sessions that ended, and accounts all of whose tokens ended, for as long as an access token of theirs may be about.
-- AUTOINCREMENT: a number is never given out twice, so that who has read up to one misses nothing by asking for those above it.
CREATE TABLE revocations (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  subject TEXT NOT NULL,
  issued_before INTEGER,
  until INTEGER NOT NULL
);
CREATE INDEX revocations_until ON revocations (until);

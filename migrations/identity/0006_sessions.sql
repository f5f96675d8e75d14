-- A session's refresh tokens: how often it was refreshed, the hash of the token it began with, and when it was last
-- refreshed (Unix milliseconds). Refresh tokens themselves are not kept.
ALTER TABLE "session" ADD COLUMN "generation" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "session" ADD COLUMN "firstToken" TEXT;
ALTER TABLE "session" ADD COLUMN "rotatedAt" INTEGER;
CREATE UNIQUE INDEX "session_firstToken" ON "session" ("firstToken");

-- From when a key signs (Unix milliseconds): it is published before. Zero: from when it was made.
ALTER TABLE "jwks" ADD COLUMN "signsFrom" INTEGER NOT NULL DEFAULT 0;

-- Accounts that another issuer or a server of the operator's names.
CREATE TABLE external_identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  account_id TEXT NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
  -- 1: its profile is made.
  profiled INTEGER NOT NULL DEFAULT 0,
  -- Unix seconds: tokens of the issuer from before this second ended.
  not_before INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE INDEX external_identities_account ON external_identities (account_id);

-- Keys of the operator's servers. The secret is not kept, only its SHA-256.
CREATE TABLE server_keys (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  hash TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_day TEXT
) WITHOUT ROWID;

-- The last key sets of trusted issuers, for isolates that start while an issuer is down.
CREATE TABLE issuer_keys (
  address TEXT NOT NULL PRIMARY KEY,
  key_set TEXT NOT NULL,
  kept_at INTEGER NOT NULL
) WITHOUT ROWID;

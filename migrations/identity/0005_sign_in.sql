-- better-auth's anonymous and two-factor plugins.
ALTER TABLE "user" ADD COLUMN "isAnonymous" INTEGER;
ALTER TABLE "user" ADD COLUMN "twoFactorEnabled" INTEGER;

CREATE TABLE "twoFactor" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "secret" TEXT NOT NULL,
  "backupCodes" TEXT NOT NULL,
  "userId" TEXT NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
  "verified" INTEGER,
  "failedVerificationCount" INTEGER,
  "lockedUntil" TEXT
);
CREATE INDEX "twoFactor_userId" ON "twoFactor" ("userId");

-- better-auth's passkeys. A credential is of one account only.
CREATE TABLE "passkey" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "name" TEXT,
  "publicKey" TEXT NOT NULL,
  "userId" TEXT NOT NULL REFERENCES "user" ("id") ON DELETE CASCADE,
  "credentialID" TEXT NOT NULL UNIQUE,
  "counter" INTEGER NOT NULL,
  "deviceType" TEXT NOT NULL,
  "backedUp" INTEGER NOT NULL,
  "transports" TEXT,
  "createdAt" TEXT,
  "aaguid" TEXT
);
CREATE INDEX "passkey_userId" ON "passkey" ("userId");

-- Messages on their way out. `text` and `html` are NULL once a message was handed on: they hold secrets. `due_at` is
-- when it is tried next, in Unix milliseconds; NULL when it was handed on, given up, or is kept for a developer to read.
CREATE TABLE emails (
  id TEXT NOT NULL PRIMARY KEY,
  recipient TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT,
  html TEXT,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER
);
CREATE INDEX emails_recipient ON emails (recipient, created_at);
CREATE INDEX emails_created_at ON emails (created_at);
CREATE INDEX emails_due_at ON emails (due_at) WHERE due_at IS NOT NULL;

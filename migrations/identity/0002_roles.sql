-- What an account may do beside its own things; it is in the account's access tokens.
ALTER TABLE "user" ADD COLUMN "role" TEXT NOT NULL DEFAULT 'user';

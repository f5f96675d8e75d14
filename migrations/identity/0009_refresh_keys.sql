-- The SHA-256 of the key that the last refresh of a session came with: who repeats it has lost the answer, and is no thief.
ALTER TABLE "session" ADD COLUMN "rotatedBy" TEXT;

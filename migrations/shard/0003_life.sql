-- Accounts that are not shown, and what an account has left behind on other shards: to be exported and erased.

-- Counts how often the account was hidden and shown again: odd while it is hidden.
ALTER TABLE profiles ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0;

CREATE INDEX likes_by_account ON likes (account_id, post_id);
CREATE INDEX comments_by_author ON posts (author_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX relations_muted ON relations (other, owner) WHERE muting_at IS NOT NULL;

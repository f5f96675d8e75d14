-- What accounts are found by: GET /v1/search/accounts.

-- JSON array of the words of the display name (src/accounts/names.ts); null: not made yet, the sweeper does it.
ALTER TABLE profiles ADD COLUMN words TEXT;
CREATE INDEX profiles_wordless ON profiles (id) WHERE words IS NULL;

CREATE TABLE account_names (
  account_id TEXT NOT NULL,
  word TEXT NOT NULL,
  PRIMARY KEY (account_id, word)
) WITHOUT ROWID;

CREATE INDEX account_names_by_word ON account_names (word, account_id);

-- Whoever writes a profile writes its names, in the same transaction: also the mover, so that they move with it.
CREATE TRIGGER profiles_named AFTER INSERT ON profiles WHEN NEW.hidden % 2 = 0 BEGIN
  DELETE FROM account_names WHERE account_id = NEW.id;
  INSERT INTO account_names (account_id, word)
    SELECT NEW.id, value FROM json_each(coalesce(NEW.words, '[]')) UNION SELECT NEW.id, NEW.username;
END;
CREATE TRIGGER profiles_renamed AFTER UPDATE OF words, username, hidden ON profiles
WHEN NEW.words IS NOT OLD.words OR NEW.username <> OLD.username OR NEW.hidden % 2 <> OLD.hidden % 2 BEGIN
  DELETE FROM account_names WHERE account_id = NEW.id;
  INSERT INTO account_names (account_id, word)
    SELECT NEW.id, value FROM json_each(coalesce(NEW.words, '[]')) WHERE NEW.hidden % 2 = 0
    UNION SELECT NEW.id, NEW.username WHERE NEW.hidden % 2 = 0;
END;
CREATE TRIGGER profiles_unnamed AFTER DELETE ON profiles BEGIN
  DELETE FROM account_names WHERE account_id = OLD.id;
END;

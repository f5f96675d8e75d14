-- What accounts are found by, as in migrations/shard/: GET /v1/search/accounts.

ALTER TABLE profiles ADD COLUMN words text;
CREATE INDEX profiles_wordless ON profiles (id) WHERE words IS NULL;

-- By bytes, as D1 has them: the answers of all shards are merged.
CREATE TABLE account_names (
  account_id text COLLATE "C" NOT NULL,
  word text COLLATE "C" NOT NULL,
  PRIMARY KEY (account_id, word)
);

CREATE INDEX account_names_by_word ON account_names (word, account_id);

CREATE FUNCTION name_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM account_names WHERE account_id = OLD.id;
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.hidden % 2 = 0 THEN
    INSERT INTO account_names (account_id, word)
      SELECT NEW.id, value FROM json_array_elements_text(coalesce(NEW.words, '[]')::json) UNION SELECT NEW.id, NEW.username
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER profiles_named AFTER INSERT OR DELETE ON profiles FOR EACH ROW EXECUTE FUNCTION name_accounts();
CREATE TRIGGER profiles_renamed AFTER UPDATE OF words, username, hidden ON profiles FOR EACH ROW
  WHEN (NEW.words IS DISTINCT FROM OLD.words OR NEW.username <> OLD.username OR NEW.hidden % 2 <> OLD.hidden % 2)
  EXECUTE FUNCTION name_accounts();

-- Likes are counted once a statement and not once a row: each UPDATE leaves a copy of the whole post behind, and a
-- batch has hundreds of likes of the same post.
DROP TRIGGER likes_counted ON likes;
CREATE OR REPLACE FUNCTION count_likes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM copying) THEN RETURN NULL; END IF;
  UPDATE posts SET like_count = like_count + CASE TG_OP WHEN 'INSERT' THEN counted.likes ELSE -counted.likes END
    FROM (SELECT post_id, count(*)::int AS likes FROM changed GROUP BY post_id) AS counted
    WHERE posts.id = counted.post_id;
  RETURN NULL;
END $$;
CREATE TRIGGER likes_inserted AFTER INSERT ON likes
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_likes();
CREATE TRIGGER likes_deleted AFTER DELETE ON likes
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_likes();

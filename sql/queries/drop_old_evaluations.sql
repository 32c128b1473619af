-- name: drop_old_evaluations
-- purpose: forget what an earlier evaluation measured and the newest one did not
-- grain: rows of the models in the registered frame incoming, of other times than its own
-- frame: none
-- params: none
DELETE FROM evaluations AS old
WHERE EXISTS (FROM incoming AS i WHERE i.model_id = old.model_id AND i.evaluated_at <> old.evaluated_at)

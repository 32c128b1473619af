-- name: delete_old_evaluations
-- purpose: forget what an earlier evaluation measured of a method and the newest one did not
-- grain: rows of the models, splits and methods in the registered frame incoming, of other times than its own
-- frame: none
-- params: none
DELETE FROM evaluations AS old
WHERE EXISTS (
    FROM incoming AS i
    WHERE (i.model_id, i.split, i.method) = (old.model_id, old.split, old.method)
      AND i.evaluated_at <> old.evaluated_at
)

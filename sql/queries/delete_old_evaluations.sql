-- name: delete_old_evaluations
-- purpose: delete metrics of an earlier evaluation of a method that the newest one did not measure
-- grain: rows of the models, splits and methods in the registered frame incoming, measured at another time
-- frame: none
-- params: none
DELETE FROM evaluations AS old
WHERE EXISTS (
    FROM incoming AS i
    WHERE (i.model_id, i.split, i.method) = (old.model_id, old.split, old.method)
      AND i.evaluated_at <> old.evaluated_at
)

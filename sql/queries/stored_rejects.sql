-- name: stored_rejects
-- purpose: the incoming rejects that the table has
-- grain: one row per such reject_id of the frame `incoming`
-- frame: none
-- params: none
SELECT reject_id
FROM incoming
SEMI JOIN rejects USING (reject_id)

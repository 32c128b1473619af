-- name: append_rejects
-- purpose: append the rejects of the frame `incoming` whose reject_id is new
-- grain: one new row per reject_id not seen before
-- frame: none
-- params: run_id, now
INSERT INTO rejects BY NAME
SELECT
    reject_id,
    file,
    "row",
    "column",
    reason,
    raw,
    content_id,
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS rejected_at
FROM incoming
ANTI JOIN rejects USING (reject_id)

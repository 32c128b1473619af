-- name: append_rejects
-- purpose: keep the rejects of the frame `incoming` that are not kept yet
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
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS rejected_at
FROM incoming
ANTI JOIN rejects USING (reject_id)

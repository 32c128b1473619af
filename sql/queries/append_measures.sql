-- name: append_measures
-- purpose: append the numbers of the frame `incoming` whose subject, time and name are new
-- grain: one new row per subject_id, measured_at and name not seen before
-- frame: none
-- params: run_id, now
INSERT INTO measures BY NAME
SELECT
    subject_id,
    measured_at,
    name,
    "value",
    source,
    file,
    "row",
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS ingested_at
FROM incoming
ANTI JOIN measures USING (subject_id, measured_at, name)

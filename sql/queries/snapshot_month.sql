-- name: snapshot_month
-- purpose: the export of a month (UTC) for BI tools: each score with subject, time and source of its text, and the text if
--          the snapshot has it
-- grain: one row per doc_id and model_id of a text posted in the month
-- frame: none
-- params: month
SELECT
    d.* EXCLUDE (run_id),
    s.* EXCLUDE (doc_id, subject_id, posted_at)
FROM documents AS d
INNER JOIN scores AS s USING (doc_id)
WHERE d.posted_at >= CAST($month AS TIMESTAMP) AND d.posted_at < CAST($month AS TIMESTAMP) + INTERVAL 1 MONTH
ORDER BY s.model_id, d.posted_at, d.doc_id

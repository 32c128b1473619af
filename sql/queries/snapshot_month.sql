-- name: snapshot_month
-- purpose: what BI tools get of a month (UTC): each score with its text's subject, time and source, and the text if it is kept
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

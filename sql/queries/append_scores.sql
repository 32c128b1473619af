-- name: append_scores
-- purpose: append the scores of the frame `incoming` that are new, of documents that the database has
-- grain: one new row per doc_id and model_id not seen before
-- frame: none
-- params: run_id, now
INSERT INTO scores BY NAME
SELECT
    i.*,
    d.subject_id,
    coalesce(d.source, 'unnamed') AS cohort,
    d.posted_at,
    $run_id AS run_id,
    CAST($now AS TIMESTAMP) AS scored_at
FROM incoming AS i
JOIN documents AS d USING (doc_id)
ANTI JOIN scores USING (doc_id, model_id)

-- name: data_quality
-- purpose: the denominators: rows that were read, rejected, repeated, scored, cut, and left out of the windows
-- grain: one row for the database and this model
-- frame: posted up to and including the day of as_of, except n_after (posted later, in no window) and the counts of the
--        intake (n_rejected, n_duplicate), which belong to files and not to dates
-- params: model_id, as_of
SELECT
    count(d.doc_id) FILTER (d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_documents,
    count(s.doc_id) FILTER (d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_scored,
    n_documents - n_scored AS n_unscored,
    count(*) FILTER (s.truncated AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_truncated,
    count(DISTINCT d.subject_id) FILTER (
        s.doc_id IS NOT NULL AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    ) AS n_subjects,
    count(d.doc_id) FILTER (d.posted_at >= CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_after,
    min(d.posted_at) FILTER (s.doc_id IS NOT NULL) AS first_posted,
    max(d.posted_at) FILTER (
        s.doc_id IS NOT NULL AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    ) AS last_posted,
    max(s.scored_at) AS last_scored,
    (SELECT count(*) FROM rejects) AS n_rejected,
    (SELECT CAST(coalesce(sum(n_duplicate), 0) AS BIGINT) FROM runs) AS n_duplicate
FROM documents AS d
LEFT JOIN scores AS s ON s.doc_id = d.doc_id AND s.model_id = $model_id

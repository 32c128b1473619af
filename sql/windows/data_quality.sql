-- name: data_quality
-- purpose: the denominators: rows that were read, rejected, repeated, scored, cut, and left out of the windows. A text that
--          retention emptied before this model scored it is never scored, and counts in n_removed, not in n_unscored
-- grain: one row for the database and this model
-- frame: posted up to and including the day of as_of, except n_after (posted later, in no window) and the counts of the
--        intake (n_rejected, n_duplicate), which belong to files and not to dates
-- params: model_id, as_of
WITH of_documents AS (
    SELECT
        count(*) FILTER (posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_documents,
        count(*) FILTER (posted_at >= CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_after
    FROM documents
),
-- each score belongs to a document and has its time and subject, so that no join of all documents and scores is needed
of_scores AS (
    SELECT
        count(*) FILTER (posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_scored,
        count(*) FILTER (truncated AND posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_truncated,
        count(DISTINCT subject_id) FILTER (posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS n_subjects,
        min(posted_at) AS first_posted,
        max(posted_at) FILTER (posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY) AS last_posted,
        max(scored_at) AS last_scored
    FROM scores
    WHERE model_id = $model_id
),
of_emptied AS (
    SELECT count(*) AS n_removed
    FROM documents AS d
    WHERE
        d.text IS NULL
        AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
        AND NOT EXISTS (FROM scores AS s WHERE s.doc_id = d.doc_id AND s.model_id = $model_id)
)
SELECT
    d.n_documents,
    s.n_scored,
    d.n_documents - s.n_scored - e.n_removed AS n_unscored,
    e.n_removed,
    s.n_truncated,
    s.n_subjects,
    d.n_after,
    s.first_posted,
    s.last_posted,
    s.last_scored,
    (SELECT count(*) FROM rejects) AS n_rejected,
    (SELECT CAST(coalesce(sum(n_duplicate), 0) AS BIGINT) FROM runs) AS n_duplicate
FROM of_documents AS d
CROSS JOIN of_scores AS s
CROSS JOIN of_emptied AS e

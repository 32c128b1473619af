-- name: quality_copies
-- purpose: number of the judged runs' new texts, and of those that repeat another text of the same subject word for word, under
--          another doc_id
-- grain: one row
-- frame: documents of these runs, and those taken in since a time before it
-- params: runs, since
SELECT
    CAST(coalesce(sum(n), 0) AS BIGINT) AS n,
    CAST(coalesce(sum(n - CAST(NOT stored AS INTEGER)), 0) AS BIGINT) AS n_copies
FROM (
    SELECT
        count(*) FILTER (list_contains(CAST($runs AS VARCHAR[]), run_id)) AS n,
        bool_or(NOT list_contains(CAST($runs AS VARCHAR[]), run_id)) AS stored
    FROM documents
    WHERE text IS NOT NULL AND (list_contains(CAST($runs AS VARCHAR[]), run_id) OR ingested_at >= CAST($since AS TIMESTAMP))
    GROUP BY subject_id, hash(text)
)
WHERE n > 0

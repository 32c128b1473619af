-- name: quality_truncated
-- purpose: number of texts that a run scored, and of those that it did not read to their end
-- grain: one row
-- frame: none
-- params: run_id
SELECT
    count(*) AS n,
    count(*) FILTER (truncated) AS n_truncated
FROM scores
WHERE run_id = $run_id

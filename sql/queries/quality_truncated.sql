-- name: quality_truncated
-- purpose: number of texts that the judged runs scored, and of those that they did not read to their end
-- grain: one row
-- frame: none
-- params: runs
SELECT
    count(*) AS n,
    count(*) FILTER (truncated) AS n_truncated
FROM scores
WHERE list_contains(CAST($runs AS VARCHAR[]), run_id)

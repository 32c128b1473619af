-- name: quality_dated_ahead
-- purpose: number of the judged runs' new texts that are dated more than a day later than they were read
-- grain: one row
-- frame: none
-- params: runs
SELECT count(*) AS n
FROM documents
WHERE list_contains(CAST($runs AS VARCHAR[]), run_id) AND posted_at > ingested_at + INTERVAL 1 DAY

-- name: quality_counts
-- purpose: what a run read, and what of it was rejected, known already or could not be read
-- grain: one row
-- frame: none
-- params: run_id
SELECT
    started_at,
    n_read,
    n_rejected,
    n_read - n_rejected AS n_valid,
    n_duplicate,
    n_refused_files
FROM runs
WHERE run_id = $run_id

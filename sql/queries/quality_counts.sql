-- name: quality_counts
-- purpose: numbers of rows that a run read, that were rejected (also by an earlier run) or already stored. The unreadable files
--          include those of earlier runs that ended before their quality was judged, because this run does not count these files
--          again
-- grain: one row
-- frame: none
-- params: run_id
SELECT
    started_at,
    n_read,
    n_rejected,
    n_known_rejects,
    n_read - n_rejected AS n_valid,
    n_duplicate,
    (
        SELECT sum(n_refused_files)
        FROM runs
        WHERE
            run_id <= $run_id
            AND run_id > (SELECT coalesce(max(run_id), '') FROM runs WHERE quality IS NOT NULL AND run_id < $run_id)
    ) AS n_refused_files
FROM runs
WHERE run_id = $run_id

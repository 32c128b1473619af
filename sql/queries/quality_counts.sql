-- name: quality_counts
-- purpose: numbers of rows that the judged runs read, that were rejected (also by an earlier run) or already stored. The unreadable
--          files include those of all earlier runs whose input was not judged, because this run does not count these files again
-- grain: one row
-- frame: none
-- params: run_id, runs
SELECT
    arg_max(started_at, run_id) AS started_at,
    CAST(sum(n_read) AS BIGINT) AS n_read,
    CAST(sum(n_rejected) AS BIGINT) AS n_rejected,
    CAST(sum(n_known_rejects) AS BIGINT) AS n_known_rejects,
    CAST(sum(n_read - n_rejected) AS BIGINT) AS n_valid,
    CAST(sum(n_duplicate) AS BIGINT) AS n_duplicate,
    (
        SELECT sum(n_refused_files)
        FROM runs
        WHERE
            run_id <= $run_id
            AND run_id > (SELECT coalesce(max(run_id), '') FROM runs WHERE quality IS NOT NULL AND run_id < $run_id)
    ) AS n_refused_files
FROM runs
WHERE list_contains(CAST($runs AS VARCHAR[]), run_id)

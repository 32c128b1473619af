-- name: judged_runs
-- purpose: the runs whose input is judged together with that of a run: nights that ended before their own input was judged. Their
--          files are not read again, so nothing else would tell of these rows
-- grain: one row per run, the run itself last; none if the run has no line
-- frame: runs since the last one whose input was judged
-- params: run_id
SELECT run_id
FROM runs
WHERE
    EXISTS (FROM runs WHERE run_id = $run_id)
    AND (
        run_id = $run_id
        OR (
            job IN ('nightly', 'watch')
            AND status <> 'done'
            AND run_id < $run_id
            AND run_id > (SELECT coalesce(max(run_id), '') FROM runs WHERE quality IS NOT NULL AND run_id < $run_id)
        )
    )
ORDER BY run_id

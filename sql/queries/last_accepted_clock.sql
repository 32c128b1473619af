-- name: last_accepted_clock
-- purpose: the latest time that retention accepted; before its first check, the end of the last run that was done
-- grain: one row; null if neither ever was
-- frame: none
-- params: none
SELECT coalesce(
    (SELECT max(checked_at) FROM retention_checks),
    (SELECT max_by(finished_at, run_id) FROM runs WHERE status = 'done')
) AS accepted

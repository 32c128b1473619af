-- name: abandon_runs
-- purpose: close the lines of runs that never did so themselves; the caller holds the lock, so none of them lives
-- grain: every row still marked running
-- frame: none
-- params: now
UPDATE runs
SET
    status = 'failed',
    finished_at = CAST($now AS TIMESTAMP),
    message = 'stopped before it was done (killed, or the machine went down); the next run completes its rows'
WHERE status = 'running'

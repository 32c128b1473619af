-- name: abandon_runs
-- purpose: mark runs that were killed as failed; the caller holds the lock of `only_writer`, so none of them still runs
-- grain: every row still marked running
-- frame: none
-- params: now
UPDATE runs
SET
    status = 'failed',
    finished_at = CAST($now AS TIMESTAMP),
    message = 'stopped before it was done (killed, or the machine went down); the next run completes its rows'
WHERE status = 'running'

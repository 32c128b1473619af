-- name: end_copied_run
-- purpose: in a copy of the database, write the end of the run that makes the copy into its line of the ledger
-- grain: the row marked running, if there is one
-- frame: none
-- params: status, message, now
UPDATE runs
SET
    status = $status,
    message = $message,
    finished_at = CAST($now AS TIMESTAMP)
WHERE status = 'running'

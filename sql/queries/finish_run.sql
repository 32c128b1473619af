-- name: finish_run
-- purpose: write the end of a run into its line of the ledger
-- grain: the row of this run
-- frame: none
-- params: run_id, status, message, now
UPDATE runs
SET
    status = $status,
    message = $message,
    finished_at = CAST($now AS TIMESTAMP)
WHERE run_id = $run_id

-- name: start_run
-- purpose: add the line of a new run to the ledger
-- grain: one new row
-- frame: none
-- params: run_id, job, model_id, now
INSERT INTO runs (run_id, job, started_at, status, model_id)
VALUES ($run_id, $job, CAST($now AS TIMESTAMP), 'running', $model_id)

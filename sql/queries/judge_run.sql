-- name: judge_run
-- purpose: put what a run's input was worth into its line of the ledger
-- grain: the row of this run
-- frame: none
-- params: run_id, quality, findings
UPDATE runs
SET
    quality = $quality,
    findings = $findings
WHERE run_id = $run_id

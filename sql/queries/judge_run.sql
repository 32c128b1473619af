-- name: judge_run
-- purpose: write the quality of a run's input into its line of the ledger
-- grain: the row of this run
-- frame: none
-- params: run_id, quality, findings
UPDATE runs
SET
    quality = $quality,
    findings = $findings
WHERE run_id = $run_id

-- name: count_in_run
-- purpose: add a chunk or a file to the ledger line of its run, in the transaction that appends it
-- grain: the row of this run
-- frame: none
-- params: run_id, n_files, n_refused_files, n_read, n_rejected, n_duplicate, n_appended, n_scored, n_replaced, n_known_rejects
UPDATE runs
SET
    n_files = n_files + $n_files,
    n_refused_files = n_refused_files + $n_refused_files,
    n_read = n_read + $n_read,
    n_rejected = n_rejected + $n_rejected,
    n_duplicate = n_duplicate + $n_duplicate,
    n_appended = n_appended + $n_appended,
    n_scored = n_scored + $n_scored,
    n_replaced = n_replaced + $n_replaced,
    n_known_rejects = n_known_rejects + $n_known_rejects
WHERE run_id = $run_id

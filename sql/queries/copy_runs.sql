-- name: copy_runs
-- purpose: copy the ledger of the attached database `old`, without messages that hold a subject's id as a word
-- grain: one new row per run
-- frame: none
-- params: names
INSERT INTO runs BY NAME
SELECT * REPLACE (CASE WHEN regexp_matches(message, $names) THEN NULL ELSE message END AS message)
FROM old.runs

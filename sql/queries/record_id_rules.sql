-- name: record_id_rules
-- purpose: record the rules by which a run reads the subjects' ids. Where nights filled a database before rules were recorded,
--          only a night can tell them: a `score` without the settings would record the wrong ones
-- grain: at most one new row
-- frame: none
-- params: casefold, job, now, strip
INSERT INTO id_rules BY NAME
SELECT
    $casefold AS casefold,
    $strip AS strip,
    CAST($now AS TIMESTAMP) AS since
WHERE
    $job <> 'score'
    OR NOT EXISTS (FROM documents)
    OR NOT EXISTS (FROM runs WHERE job IN ('nightly', 'watch'))

-- name: record_id_rules
-- purpose: record the rules by which a run reads the subjects' ids. A run that was given none does not tell by which rules a
--          database was filled before rules were recorded, so it records its own only while there are no subjects. A night
--          without rules also records them if nights filled the database before, which had the same settings
-- grain: at most one new row
-- frame: none
-- params: casefold, is_given, is_night, now, strip
INSERT INTO id_rules BY NAME
SELECT
    $casefold AS casefold,
    $strip AS strip,
    CAST($now AS TIMESTAMP) AS since
WHERE
    $is_given
    OR ($is_night AND EXISTS (FROM runs WHERE job IN ('nightly', 'watch') AND status = 'done'))
    OR NOT (EXISTS (FROM documents) OR EXISTS (FROM scores) OR EXISTS (FROM measures))

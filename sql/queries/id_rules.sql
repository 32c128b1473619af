-- name: id_rules
-- purpose: the rules by which the subjects' ids were read; a database without subjects may still be read by any
-- grain: one row, or none if no rules are recorded or there are no subjects
-- frame: none
-- params: none
SELECT
    casefold,
    strip
FROM id_rules
WHERE EXISTS (FROM documents) OR EXISTS (FROM scores) OR EXISTS (FROM measures)

-- name: late_id_rules
-- purpose: when the rules of ids were recorded, if that was after the first rows of subjects were read; such rules are those of
--          a later run
-- grain: one row, or none if no rules are recorded or all rows were read after that
-- frame: none
-- params: none
SELECT since
FROM id_rules
WHERE
    EXISTS (FROM documents WHERE ingested_at < id_rules.since)
    OR EXISTS (FROM measures WHERE ingested_at < id_rules.since)

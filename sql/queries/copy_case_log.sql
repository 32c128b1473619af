-- name: copy_case_log
-- purpose: copy the case log of the attached database `old`, of the alerts that were copied before, without notes written
--          before a time (null: all notes are copied)
-- grain: one new row per event kept
-- frame: none
-- params: before
INSERT INTO case_log BY NAME
SELECT * REPLACE (CASE WHEN "at" < CAST($before AS TIMESTAMP) THEN NULL ELSE note END AS note)
FROM old.case_log
SEMI JOIN alerts USING (alert_id)

-- name: case_events
-- purpose: actions of people about alerts that were recorded by the end of a day, oldest first
-- grain: one row per event of the case log
-- frame: events up to and including as_of
-- params: as_of
SELECT c.alert_id, a.subject_id, a.rule, a.model_id, c."at", c."by", c.outcome, c.note
FROM case_log AS c
JOIN alerts AS a USING (alert_id)
WHERE c."at" < CAST($as_of AS DATE) + 1
ORDER BY c."at", c.alert_id

-- name: case_events
-- purpose: actions of people about alerts that were recorded by the end of a day, oldest first. An action about an alert that two
--          models raised is in both logs; it comes once, about this model's alert if there is one
-- grain: one row per event of the case log
-- frame: events up to and including as_of; `same` = the same event in the logs of several models
-- params: model_id, as_of
SELECT c.alert_id, a.subject_id, a.rule, a.model_id, c."at", c."by", c.outcome, c.note
FROM case_log AS c
JOIN alerts AS a USING (alert_id)
WHERE c."at" < CAST($as_of AS DATE) + 1
WINDOW same AS (PARTITION BY a.subject_id, a.rule, c."at")
QUALIFY
    a.model_id = $model_id
    OR NOT bool_or(a.model_id = $model_id) OVER same
    AND row_number() OVER (PARTITION BY a.subject_id, a.rule, c."at" ORDER BY a.raised_at, c.alert_id) = 1
ORDER BY c."at", c.alert_id

-- name: log_case
-- purpose: record a person's action about an alert
-- grain: one new row
-- frame: none
-- params: alert_id, now, by, outcome, note
INSERT INTO case_log BY NAME
SELECT
    $alert_id AS alert_id,
    CAST($now AS TIMESTAMP) AS "at",
    CAST($by AS VARCHAR) AS "by",
    CAST($outcome AS VARCHAR) AS outcome,
    CAST($note AS VARCHAR) AS note

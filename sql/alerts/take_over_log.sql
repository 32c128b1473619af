-- name: take_over_log
-- purpose: copy the case log of earlier models' alerts to the alerts that are the same episode (earlier_ids of the frame `changes`)
-- grain: one new row per alert and event that its own log lacks
-- frame: the first of two events of one time
-- params: none
INSERT INTO case_log BY NAME
SELECT c.alert_id, l."at", l."by", l.outcome, l.note
FROM (SELECT alert_id, unnest(earlier_ids) AS earlier_id FROM changes) AS c
JOIN case_log AS l ON l.alert_id = c.earlier_id
ANTI JOIN case_log AS own ON own.alert_id = c.alert_id AND own."at" = l."at"
QUALIFY row_number() OVER (PARTITION BY c.alert_id, l."at" ORDER BY c.earlier_id) = 1

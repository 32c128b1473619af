-- name: mark_sent
-- purpose: record that a notification of the alerts that sql/alerts/unsent.sql counts was sent
-- grain: the rows of these alerts
-- frame: none
-- params: model_id, now
UPDATE alerts
SET told_at = CAST($now AS TIMESTAMP)
WHERE model_id = $model_id AND state = 'open' AND told_at IS NULL

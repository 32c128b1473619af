-- name: mark_sent
-- purpose: note that somebody was told of the alerts that sql/alerts/untold.sql counts
-- grain: the rows of these alerts
-- frame: none
-- params: model_id, now
UPDATE alerts
SET told_at = CAST($now AS TIMESTAMP)
WHERE model_id = $model_id AND state = 'open' AND told_at IS NULL

-- name: unsent_crisis
-- purpose: number of open alerts of the crisis rule of which no notification was sent
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n
FROM alerts
WHERE model_id = $model_id AND rule = 'crisis' AND state = 'open' AND told_at IS NULL

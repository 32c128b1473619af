-- name: unsent
-- purpose: numbers of open alerts of which no notification was sent: of all rules, and of the crisis rule
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n, count(*) FILTER (rule = 'crisis') AS n_crisis
FROM alerts
WHERE model_id = $model_id AND state = 'open' AND told_at IS NULL

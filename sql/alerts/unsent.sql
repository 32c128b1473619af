-- name: unsent
-- purpose: numbers of open alerts without a notification: alerts of all rules, alerts of the crisis rule
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n, count(*) FILTER (rule = 'crisis') AS n_crisis
FROM alerts
WHERE model_id = $model_id AND state = 'open' AND told_at IS NULL

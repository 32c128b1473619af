-- name: unsent
-- purpose: how many alerts wait for somebody of which nobody was told
-- grain: one row
-- frame: none
-- params: model_id
SELECT count(*) AS n
FROM alerts
WHERE model_id = $model_id AND state = 'open' AND told_at IS NULL

-- name: alerts
-- purpose: the alerts of a model as they stood on a day: what each rests on, and whether it still waited then
-- grain: one row per alert opened up to and including as_of, the newest first; is_open = not closed by as_of
-- frame: opened_on up to and including as_of; whether somebody had seen an alert by then is not on record, only now
-- params: model_id, as_of
SELECT
    * EXCLUDE (model_id, run_id, raised_at, told_at),
    coalesce(closed_on > CAST($as_of AS DATE), true) AND closed_because IS DISTINCT FROM 'withdrawn' AS is_open
FROM alerts
WHERE model_id = $model_id AND opened_on <= CAST($as_of AS DATE)
ORDER BY opened_on DESC, subject_id, rule

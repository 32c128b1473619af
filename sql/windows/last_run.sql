-- name: last_run
-- purpose: how good the newest input was: green, yellow or red, and what was found
-- grain: one row, or none where no run of the model was judged
-- frame: the newest run of the model whose input was judged
-- params: model_id
SELECT run_id, job, started_at, status, quality, coalesce(findings, '[]') AS findings
FROM runs
WHERE model_id = $model_id AND quality IS NOT NULL
ORDER BY started_at DESC, run_id
LIMIT 1

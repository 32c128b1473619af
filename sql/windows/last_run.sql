-- name: last_run
-- purpose: quality of the newest input: green, yellow or red, and its findings
-- grain: one row, or none if no run of the model was judged
-- frame: the newest run of the model whose input was judged
-- params: model_id
SELECT run_id, job, started_at, status, quality, coalesce(findings, '[]') AS findings
FROM runs
WHERE model_id = $model_id AND quality IS NOT NULL
ORDER BY run_id DESC
LIMIT 1

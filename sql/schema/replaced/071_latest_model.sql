-- name: latest_model
-- purpose: the view latest_model again, in place of schema/046: the model of the last run that scores, which may have found
--          nothing new. After the settings have gone back to an earlier model, or to its risk map, a night without new texts
--          adds no score, and the model that was given up would still count. A model without a score never counts.
--          schema/073 replaces this view
-- grain: one row, or none if nothing is scored
-- frame: none
-- params: none
CREATE OR REPLACE VIEW latest_model AS
SELECT s.model_id
FROM (SELECT model_id, max(run_id) AS last_run, max(scored_at) AS last_scored FROM scores GROUP BY model_id) AS s
LEFT JOIN (
    SELECT model_id, max(run_id) AS last_run
    FROM runs
    WHERE job IN ('nightly', 'watch', 'score')
    GROUP BY model_id
) AS r USING (model_id)
ORDER BY greatest(s.last_run, coalesce(r.last_run, s.last_run)) DESC, s.last_scored DESC, s.model_id
LIMIT 1

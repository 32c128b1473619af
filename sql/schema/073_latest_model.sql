-- name: latest_model
-- purpose: the model of the last run that scores. A run without a new score
--          counts once it is done, or once it has brought the alerts up to date, because its report and its snapshot are written
--          before it is done. A run that was stopped, killed or failed earlier does not count. `alerts --update` takes the place
--          of such a run in alert_updates, for the same model, and counts like it. A model without a score never counts
-- grain: one row, or none if nothing is scored
-- frame: none
-- params: none
CREATE OR REPLACE VIEW latest_model AS
SELECT s.model_id
FROM (SELECT model_id, max(run_id) AS last_run, max(scored_at) AS last_scored FROM scores GROUP BY model_id) AS s
LEFT JOIN (
    SELECT runs.model_id, max(runs.run_id) AS last_run
    FROM runs
    LEFT JOIN alert_updates AS u USING (model_id, run_id)
    WHERE (runs.job IN ('nightly', 'watch', 'score') AND runs.status = 'done') OR u.run_id IS NOT NULL
    GROUP BY runs.model_id
) AS r USING (model_id)
ORDER BY greatest(s.last_run, coalesce(r.last_run, s.last_run)) DESC, s.last_scored DESC, s.model_id
LIMIT 1

-- name: latest_model
-- purpose: the model that scored last, by the order of the runs and not by the clock, which may have been wrong one night;
--          and the views that show its rows alone.
--          schema/073 replaces latest_model, and schema/059 open_alerts
-- grain: one row, or none if nothing is scored
-- frame: none
-- params: none
CREATE VIEW latest_model AS
SELECT model_id
FROM scores
GROUP BY model_id
ORDER BY max(run_id) DESC, max(scored_at) DESC, model_id
LIMIT 1;

CREATE OR REPLACE VIEW latest_scores AS
SELECT *, CAST(posted_at AS DATE) AS day
FROM scores
WHERE model_id = (SELECT model_id FROM latest_model);

CREATE OR REPLACE VIEW risk_daily AS
SELECT
    model_id,
    subject_id,
    cohort,
    day,
    n,
    n_high,
    n_high / n AS share_high,
    low / n AS p_low,
    mid / n AS p_mid,
    high / n AS p_high,
    sadness / n AS p_sadness,
    joy / n AS p_joy,
    love / n AS p_love,
    anger / n AS p_anger,
    fear / n AS p_fear,
    surprise / n AS p_surprise
FROM daily_cells
WHERE model_id = (SELECT model_id FROM latest_model);

CREATE OR REPLACE VIEW open_alerts AS
SELECT * EXCLUDE (closed_on, closed_because)
FROM alerts
WHERE state <> 'closed' AND model_id = (SELECT model_id FROM latest_model)

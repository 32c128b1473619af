-- name: risk_daily
-- purpose: the mean scores of each subject's texts on each day, by the model that scored last; means over several rows are weighted
--          by n: sum(n * p_high) / sum(n).
--          schema/046 replaces this view
-- grain: one row per subject, cohort and UTC calendar day with at least one scored text
-- frame: the calendar day
-- params: none
CREATE VIEW risk_daily AS
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
WHERE model_id = (SELECT model_id FROM scores GROUP BY model_id ORDER BY max(scored_at) DESC, model_id LIMIT 1)

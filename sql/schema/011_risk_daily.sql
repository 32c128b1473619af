-- name: risk_daily
-- purpose: what each subject wrote on each day, by the model that scored last; for means over more, weight by n:
--          sum(n * p_high) / sum(n)
-- grain: one row per subject, cohort and UTC calendar day with at least one scored text
-- frame: the calendar day
-- params: none
CREATE VIEW risk_daily AS
SELECT
    model_id,
    subject_id,
    cohort,
    day,
    count(*) AS n,
    count(*) FILTER (risk = 'high_risk') AS n_high,
    avg(CAST(risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(p_low) AS p_low,
    avg(p_mid) AS p_mid,
    avg(p_high) AS p_high,
    avg(p_sadness) AS p_sadness,
    avg(p_joy) AS p_joy,
    avg(p_love) AS p_love,
    avg(p_anger) AS p_anger,
    avg(p_fear) AS p_fear,
    avg(p_surprise) AS p_surprise
FROM latest_scores
GROUP BY ALL

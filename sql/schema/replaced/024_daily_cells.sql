-- name: daily_cells
-- purpose: the parts of the windows: sums, because sums can be added up over days, cohorts and subjects, and means cannot. n_asked
--          counts texts with an answer to the symptoms question, n_any texts with a criterion above its limit. any_or_high and
--          either are signals of the early-warning rules: P(any), or P(high) if the model has no P(any); and the greater of P(any)
--          and P(high).
--          schema/050 replaces this view
-- grain: one row per model, subject, cohort and UTC calendar day with texts
-- frame: the calendar day
-- params: none
CREATE OR REPLACE VIEW daily_cells AS
SELECT
    model_id,
    subject_id,
    cohort,
    CAST(posted_at AS DATE) AS day,
    count(*) AS n,
    count(*) FILTER (risk = 'high_risk') AS n_high,
    sum(p_low) AS low,
    sum(p_mid) AS mid,
    sum(p_high) AS high,
    sum(p_high * p_high) AS high_squared,
    sum(p_sadness) AS sadness,
    sum(p_joy) AS joy,
    sum(p_love) AS love,
    sum(p_anger) AS anger,
    sum(p_fear) AS fear,
    sum(p_surprise) AS surprise,
    count(p_any) AS n_asked,
    count(*) FILTER (criteria <> '') AS n_any,
    sum(p_any) AS any_symptom,
    sum(coalesce(p_any, p_high)) AS any_or_high,
    sum(greatest(p_high, coalesce(p_any, 0))) AS either
FROM scores
GROUP BY ALL

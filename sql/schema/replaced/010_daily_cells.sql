-- name: daily_cells
-- purpose: the parts of the windows: sums, because sums can be added up over days, cohorts and subjects, and means cannot.
--          schema/050 replaces this view
-- grain: one row per model, subject, cohort and UTC calendar day with texts
-- frame: the calendar day
-- params: none
CREATE VIEW daily_cells AS
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
    sum(p_surprise) AS surprise
FROM scores
GROUP BY ALL

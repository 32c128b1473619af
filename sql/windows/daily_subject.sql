-- name: daily_subject
-- purpose: each subject's texts of each day: their number and mean scores
-- grain: one row per subject and UTC calendar day with at least one scored text
-- frame: the calendar day; every day up to and including the day of as_of
-- params: model_id, as_of
WITH daily AS (
    SELECT day, subject_id, sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day)))
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
    GROUP BY day, subject_id
)
SELECT
    day,
    subject_id,
    CAST(n AS BIGINT) AS n,
    CAST(n_high AS BIGINT) AS n_high,
    n_high / n AS share_high,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1"
FROM daily
ORDER BY day, subject_id

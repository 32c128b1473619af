-- name: daily_top
-- purpose: the most texts of one subject on each day; suppression withholds days of which one subject wrote more than half.
--          n_high_subjects and n_high_top are the subjects of the texts labelled high risk, and the most such texts of one
-- grain: one row per cohort (NULL: everyone) and UTC calendar day with at least one scored text
-- frame: the calendar day; every day up to and including the day of as_of
-- params: model_id, as_of
WITH cells AS NOT MATERIALIZED (
    SELECT cohort, day, subject_id, n, n_high
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
),
own AS (
    FROM cells
    UNION ALL
    SELECT NULL, day, subject_id, sum(n), sum(n_high) FROM cells GROUP BY day, subject_id
)
SELECT
    cohort,
    day,
    CAST(max(n) AS BIGINT) AS n_top,
    count(*) FILTER (n_high > 0) AS n_high_subjects,
    CAST(max(n_high) AS BIGINT) AS n_high_top
FROM own
GROUP BY cohort, day
ORDER BY cohort NULLS FIRST, day

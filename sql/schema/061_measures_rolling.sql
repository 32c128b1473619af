-- name: measures_rolling
-- purpose: each person's numbers against their own past: `z` is how many standard errors the median of the last 7 days lies
--          above (below: negative) the median of the 56 days before. Median and median absolute deviation (MAD) are used,
--          because one odd day must not move them: 1.4826 MAD estimates the standard deviation of days, and a median of n
--          days has the standard error sqrt(pi / 2 / n) of it (Huber & Ronchetti 2009, Robust Statistics). If more than half of the
--          past's days are equal, the MAD is 0, and the past's standard deviation replaces it. z is NULL with fewer than 3 days in
--          the last 7 or 14 in the past, and if the past never varied. It assumes independent days; a measure that drifts slowly
--          exceeds a limit more often
-- grain: one row per subject, measure and UTC calendar day with a number; a day's `value` is the mean of its numbers
-- frame: median_7 and n_days_7: the 7 calendar days ending on and including day; past: the 56 calendar days before them
-- params: none
CREATE VIEW measures_rolling AS
WITH daily AS (
    SELECT subject_id, name, CAST(measured_at AS DATE) AS day, avg("value") AS "value"
    FROM measures
    GROUP BY ALL
),
windows AS (
    SELECT
        *,
        count(*) OVER week AS n_days_7,
        min(day) OVER week AS first_day_7,
        median("value") OVER week AS median_7,
        count(*) OVER past AS n_days_past,
        median("value") OVER past AS median_past,
        mad("value") OVER past AS mad_past,
        coalesce(nullif(1.4826 * mad_past, 0), stddev_samp("value") OVER past) AS deviation
    FROM daily
    WINDOW
        week AS (
            PARTITION BY subject_id, name
            ORDER BY day
            RANGE BETWEEN INTERVAL 6 DAYS PRECEDING AND CURRENT ROW
        ),
        past AS (
            PARTITION BY subject_id, name
            ORDER BY day
            RANGE BETWEEN INTERVAL 62 DAYS PRECEDING AND INTERVAL 7 DAYS PRECEDING
        )
)
SELECT
    * EXCLUDE (deviation),
    CASE
        WHEN n_days_7 >= 3 AND n_days_past >= 14 AND deviation > 0
            THEN (median_7 - median_past) / (deviation * sqrt(pi() / 2 * (1 / n_days_7 + 1 / n_days_past)))
    END AS z
FROM windows

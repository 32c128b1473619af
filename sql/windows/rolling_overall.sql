-- name: rolling_overall
-- purpose: everyone's last days on each day: means weighted by texts, and the number of subjects;
--          share_high_lo and _hi are Wilson's 95% interval, which takes texts for independent
-- grain: one row per UTC calendar day with at least one scored text; a day without texts has no row
-- frame: window_days calendar days ending on and including day. It counts days, not rows: days without texts
--        make n smaller, not the window longer. INTERVAL 6 DAY PRECEDING is the 7-day window; 7 would add an eighth day
-- params: model_id, as_of, window_days
WITH cells AS (
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
),
daily AS (SELECT day, sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day))) FROM cells GROUP BY day),
-- Distinct subjects cannot be added up over days. So a subject counts from a day with texts until that day leaves the
-- window or the subject's next day with texts comes.
stays AS (
    SELECT
        day,
        least(day + CAST($window_days AS INTEGER), lead(day) OVER (PARTITION BY subject_id ORDER BY day)) AS until
    FROM (SELECT DISTINCT subject_id, day FROM cells)
),
moves AS (
    SELECT day, sum(n) AS n
    FROM (SELECT day, 1 AS n FROM stays UNION ALL SELECT until, -1 FROM stays)
    GROUP BY day
),
subjects AS (SELECT day, CAST(sum(n) OVER (ORDER BY day) AS BIGINT) AS n_subjects FROM moves),
windows AS (
    SELECT day, count(*) OVER recent AS n_days, sum(COLUMNS(* EXCLUDE (day))) OVER recent
    FROM daily
    WINDOW recent AS (
        ORDER BY day
        RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    day,
    CAST(n AS BIGINT) AS n,
    n_days,
    n_subjects,
    CAST(n_high AS BIGINT) AS n_high,
    n_high / n AS share_high,
    wilson_low(n_high, n) AS share_high_lo,
    wilson_high(n_high, n) AS share_high_hi,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1"
FROM windows
JOIN subjects USING (day)
ORDER BY day

-- name: rolling_cohort
-- purpose: the last days of everyone and of each cohort on each day: means weighted by texts, and the number of subjects;
--          share_high_lo and _hi are the 95% interval of the macros cluster_low and cluster_high, which count subjects
-- grain: one row per cohort (the source of the texts; NULL: everyone) and UTC calendar day with at least one scored text; a day
--        without texts has no row
-- frame: window_days calendar days ending on and including day. It counts days, not rows: days without texts
--        make n smaller, not the window longer. INTERVAL 6 DAY PRECEDING is the 7-day window; 7 would add an eighth day
-- params: model_id, as_of, window_days
WITH of_cohorts AS (
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
),
cells AS (FROM of_cohorts UNION ALL SELECT * REPLACE (NULL AS cohort) FROM of_cohorts),
daily AS (
    SELECT cohort, day, sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day))) FROM cells GROUP BY cohort, day
),
-- Distinct subjects and squares of their totals cannot be added up over days. So each subject's own totals of the window
-- change when texts enter it and when they leave it, and the sums over subjects change by as much.
changes AS (
    SELECT cohort, subject_id, day, CAST(sum(n) AS DOUBLE) AS n, CAST(sum(k) AS DOUBLE) AS k
    FROM (
        SELECT cohort, subject_id, day, n, n_high AS k FROM cells
        UNION ALL
        SELECT cohort, subject_id, day + CAST($window_days AS INTEGER), -n, -n_high FROM cells
    )
    GROUP BY ALL
),
totals AS (
    SELECT *, sum(n) OVER own AS n_after, sum(k) OVER own AS k_after, n_after - n AS n_before, k_after - k AS k_before
    FROM changes
    WINDOW own AS (PARTITION BY cohort, subject_id ORDER BY day)
),
moves AS (
    SELECT
        cohort, day,
        sum(CAST(n_after > 0 AS INTEGER) - CAST(n_before > 0 AS INTEGER)) AS n_subjects,
        sum(k_after * k_after - k_before * k_before) AS kk,
        sum(k_after * n_after - k_before * n_before) AS kn,
        sum(n_after * n_after - n_before * n_before) AS nn
    FROM totals
    GROUP BY cohort, day
),
subjects AS (
    SELECT
        cohort, day,
        CAST(sum(n_subjects) OVER so_far AS BIGINT) AS n_subjects,
        sum(kk) OVER so_far AS kk,
        sum(kn) OVER so_far AS kn,
        sum(nn) OVER so_far AS nn
    FROM moves
    WINDOW so_far AS (PARTITION BY cohort ORDER BY day)
),
windows AS (
    SELECT cohort, day, count(*) OVER recent AS n_days, sum(COLUMNS(* EXCLUDE (cohort, day))) OVER recent
    FROM daily
    WINDOW recent AS (
        PARTITION BY cohort
        ORDER BY day
        RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    w.day,
    w.cohort,
    CAST(n AS BIGINT) AS n,
    n_days,
    n_subjects,
    CAST(n_high AS BIGINT) AS n_high,
    n_high / n AS share_high,
    cluster_low(n_high, n, n_subjects, kk, kn, nn) AS share_high_lo,
    cluster_high(n_high, n, n_subjects, kk, kn, nn) AS share_high_hi,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1"
FROM windows AS w
JOIN subjects AS s ON s.cohort IS NOT DISTINCT FROM w.cohort AND s.day = w.day
ORDER BY w.cohort NULLS FIRST, w.day

-- name: rolling_cohort
-- purpose: the last days of everyone and of each cohort on each day: means weighted by texts, and the number of subjects;
--          share_high_lo and _hi are the 95% interval of the macros cluster_low and cluster_high, which count subjects
-- grain: one row per cohort (the source of the texts; NULL: everyone) and UTC calendar day with at least one scored text; a day
--        without texts has no row
-- frame: window_days calendar days ending on and including day. It counts days, not rows: days without texts
--        make n smaller, not the window longer. INTERVAL 6 DAY PRECEDING is the 7-day window; 7 would add an eighth day
-- params: model_id, as_of, window_days
WITH cells AS NOT MATERIALIZED (
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
),
daily AS (
    SELECT cohort, day, sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day)))
    FROM cells
    GROUP BY GROUPING SETS ((day), (cohort, day))
),
own AS (
    SELECT cohort, subject_id, day, CAST(sum(n) AS DOUBLE) AS n, CAST(sum(n_high) AS DOUBLE) AS k
    FROM cells
    GROUP BY GROUPING SETS ((subject_id, day), (cohort, subject_id, day))
),
-- Distinct subjects and squares of their totals cannot be added up over days. But the sums over subjects change by known
-- amounts when a subject's texts of a day enter the window, and when they leave it. n_in counts the subject's texts in the
-- window just after the day's texts entered it. n_out counts them just before the day's texts leave it.
totals AS (
    SELECT
        cohort,
        day,
        n,
        k,
        sum(n) OVER recent AS n_in,
        sum(k) OVER recent AS k_in,
        sum(n) OVER coming AS n_out,
        sum(k) OVER coming AS k_out
    FROM own
    WINDOW
        recent AS (
            PARTITION BY cohort, subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        coming AS (
            PARTITION BY cohort, subject_id
            ORDER BY day
            RANGE BETWEEN CURRENT ROW AND to_days(CAST($window_days AS INTEGER) - 1) FOLLOWING
        )
),
moves AS (
    SELECT
        cohort,
        day,
        count(*) FILTER (n_in = n) AS subjects_in,
        count(*) FILTER (n_out = n) AS subjects_out,
        sum(k * (2 * k_in - k)) AS kk_in,
        sum(k * (2 * k_out - k)) AS kk_out,
        sum(n * k_in + k * n_in - k * n) AS kn_in,
        sum(n * k_out + k * n_out - k * n) AS kn_out,
        sum(n * (2 * n_in - n)) AS nn_in,
        sum(n * (2 * n_out - n)) AS nn_out
    FROM totals
    GROUP BY cohort, day
),
windows AS (
    SELECT
        daily.cohort,
        daily.day,
        count(*) OVER recent AS n_days,
        sum(COLUMNS(daily.* EXCLUDE (cohort, day))) OVER recent,
        CAST(sum(subjects_in) OVER so_far - coalesce(sum(subjects_out) OVER gone, 0) AS BIGINT) AS n_subjects,
        sum(kk_in) OVER so_far - coalesce(sum(kk_out) OVER gone, 0) AS kk,
        sum(kn_in) OVER so_far - coalesce(sum(kn_out) OVER gone, 0) AS kn,
        sum(nn_in) OVER so_far - coalesce(sum(nn_out) OVER gone, 0) AS nn
    FROM daily
    JOIN moves ON moves.cohort IS NOT DISTINCT FROM daily.cohort AND moves.day = daily.day
    WINDOW
        recent AS (
            PARTITION BY daily.cohort
            ORDER BY daily.day
            RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        so_far AS (PARTITION BY daily.cohort ORDER BY daily.day RANGE UNBOUNDED PRECEDING),
        gone AS (
            PARTITION BY daily.cohort
            ORDER BY daily.day
            RANGE BETWEEN UNBOUNDED PRECEDING AND to_days(CAST($window_days AS INTEGER)) PRECEDING
        )
)
SELECT
    day,
    cohort,
    CAST(n AS BIGINT) AS n,
    n_days,
    n_subjects,
    CAST(n_high AS BIGINT) AS n_high,
    n_high / n AS share_high,
    cluster_low(n_high, n, n_subjects, kk, kn, nn) AS share_high_lo,
    cluster_high(n_high, n, n_subjects, kk, kn, nn) AS share_high_hi,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1"
FROM windows
ORDER BY cohort NULLS FIRST, day

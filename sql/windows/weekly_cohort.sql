-- name: weekly_cohort
-- purpose: weeks that end on the weekday of as_of, for everyone and for each cohort. Small-cohort suppression shows them where
--          single days have too few subjects. share_high_lo and _hi are the 95% interval of the macros
--          cluster_low and cluster_high, which count subjects
-- grain: one row per cohort (NULL: everyone) and week with at least one scored text; day is the week's last; n_top texts of one subject;
--        n_high_subjects subjects wrote the n_high texts, n_high_top of them one subject
-- frame: the newest `weeks` weeks of 7 calendar days, counted back from as_of; every week has all 7 days
-- params: model_id, as_of, weeks
WITH cells AS NOT MATERIALIZED (
    SELECT CAST($as_of AS DATE) - 7 * CAST(floor((CAST($as_of AS DATE) - day) / 7) AS INTEGER) AS week_end, *
    FROM daily_cells
    WHERE model_id = $model_id
      AND day BETWEEN CAST($as_of AS DATE) - 7 * CAST($weeks AS INTEGER) + 1 AND CAST($as_of AS DATE)
),
totals AS (
    SELECT
        cohort,
        week_end,
        count(DISTINCT day) AS n_days,
        sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day, week_end)))
    FROM cells
    GROUP BY GROUPING SETS ((week_end), (cohort, week_end))
),
own AS (
    SELECT cohort, week_end, subject_id, CAST(sum(n) AS DOUBLE) AS n, CAST(sum(n_high) AS DOUBLE) AS k
    FROM cells
    GROUP BY GROUPING SETS ((week_end, subject_id), (cohort, week_end, subject_id))
),
spreads AS (
    SELECT
        cohort,
        week_end,
        count(*) AS n_subjects,
        count(*) FILTER (k > 0) AS n_high_subjects,
        sum(k * k) AS kk,
        sum(k * n) AS kn,
        sum(n * n) AS nn,
        max(n) AS n_top,
        max(k) AS n_high_top
    FROM own
    GROUP BY cohort, week_end
)
SELECT
    t.cohort,
    t.week_end AS day,
    CAST(n AS BIGINT) AS n,
    n_days,
    n_subjects,
    CAST(n_top AS BIGINT) AS n_top,
    CAST(n_high AS BIGINT) AS n_high,
    n_high_subjects,
    CAST(n_high_top AS BIGINT) AS n_high_top,
    n_high / n AS share_high,
    cluster_low(n_high, n, n_subjects, kk, kn, nn) AS share_high_lo,
    cluster_high(n_high, n, n_subjects, kk, kn, nn) AS share_high_hi,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1"
FROM totals AS t
JOIN spreads AS s ON s.cohort IS NOT DISTINCT FROM t.cohort AND s.week_end = t.week_end
ORDER BY t.cohort NULLS FIRST, day

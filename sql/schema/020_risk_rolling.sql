-- name: risk_rolling
-- purpose: the recent past on each day of every subject (level 'subject', name = subject_id), cohort ('cohort') and of
--          all together ('overall', name 'all'), by the model that scored last; share_high_lo and _hi are Wilson's 95%
--          interval, which takes texts for independent
-- grain: one row per level, name, window_days (1, 7 or 28) and UTC calendar day with at least one scored text
-- frame: window_days calendar days ending on and including day; it counts days, not rows, so silence shrinks n
-- params: none
CREATE VIEW risk_rolling AS
WITH cells AS (
    SELECT
        model_id,
        CASE WHEN grouping(subject_id) = 0 THEN 'subject' WHEN grouping(cohort) = 0 THEN 'cohort' ELSE 'overall' END AS level,
        coalesce(subject_id, cohort, 'all') AS name,
        day,
        sum(n) AS n,
        sum(n_high) AS n_high,
        sum(n * p_high) AS high
    FROM risk_daily
    GROUP BY GROUPING SETS ((model_id, day, subject_id), (model_id, day, cohort), (model_id, day))
),
windows AS (
    SELECT
        model_id,
        level,
        name,
        window_days,
        day,
        CAST(sum(n) OVER recent AS BIGINT) AS n,
        count(*) OVER recent AS n_days,
        CAST(sum(n_high) OVER recent AS BIGINT) AS n_high,
        sum(high) OVER recent / sum(n) OVER recent AS p_high
    FROM cells
    CROSS JOIN (SELECT unnest([1, 7, 28]) AS window_days)
    WINDOW recent AS (
        PARTITION BY model_id, level, name, window_days
        ORDER BY day
        RANGE BETWEEN to_days(window_days - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    *,
    n_high / n AS share_high,
    greatest(0, (n_high + 1.9208 - 1.96 * sqrt(n_high * (n - n_high) / n + 0.9604)) / (n + 3.8416)) AS share_high_lo,
    least(1, (n_high + 1.9208 + 1.96 * sqrt(n_high * (n - n_high) / n + 0.9604)) / (n + 3.8416)) AS share_high_hi
FROM windows

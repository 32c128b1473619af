-- name: risk_rolling
-- purpose: the recent past on each day of every subject (level 'subject', name = subject_id), cohort ('cohort') and of
--          all together ('overall', name 'all'), by the model that scored last; share_high_lo and _hi are Wilson's 95%
--          interval, which takes texts for independent
-- grain: one row per level, name, window_days (1, 7 or 28) and UTC calendar day with at least one scored text
-- frame: window_days calendar days ending on and including day; it counts days, not rows, so silence shrinks n
-- params: none
CREATE VIEW risk_rolling AS
WITH texts AS (
    SELECT 'subject' AS level, subject_id AS name, day, risk, p_high FROM latest_scores
    UNION ALL
    SELECT 'cohort', cohort, day, risk, p_high FROM latest_scores
    UNION ALL
    SELECT 'overall', 'all', day, risk, p_high FROM latest_scores
),
-- enums, doubles and whole numbers, because partitions, sums and frames of other types take half as long again
cells AS (
    SELECT
        CAST(level AS ENUM ('subject', 'cohort', 'overall')) AS level,
        name,
        day,
        day - DATE '1970-01-01' AS number,
        CAST(count(*) AS DOUBLE) AS n,
        CAST(count(*) FILTER (risk = 'high_risk') AS DOUBLE) AS n_high,
        sum(p_high) AS high
    FROM texts
    GROUP BY ALL
),
windows AS (
    SELECT
        level,
        name,
        window_days,
        day,
        count(*) OVER recent AS n_days,
        sum(n) OVER recent AS n,
        sum(n_high) OVER recent AS n_high,
        sum(high) OVER recent AS high
    FROM cells
    CROSS JOIN (SELECT unnest([1, 7, 28]) AS window_days)
    WINDOW recent AS (
        PARTITION BY name, window_days, level
        ORDER BY number
        RANGE BETWEEN window_days - 1 PRECEDING AND CURRENT ROW
    )
)
SELECT
    * EXCLUDE (high) REPLACE (
        CAST(level AS VARCHAR) AS level, CAST(n AS BIGINT) AS n, CAST(n_high AS BIGINT) AS n_high
    ),
    high / n AS p_high,
    n_high / n AS share_high,
    greatest(0, (n_high + 1.9208e0 - 1.96e0 * sqrt(n_high * (1 - n_high / n) + 0.9604e0)) / (n + 3.8416e0)) AS share_high_lo,
    least(1, (n_high + 1.9208e0 + 1.96e0 * sqrt(n_high * (1 - n_high / n) + 0.9604e0)) / (n + 3.8416e0)) AS share_high_hi
FROM windows

-- name: risk_rolling
-- purpose: the recent past on each day of every subject (level 'subject', name = subject_id), cohort ('cohort') and of
--          all together ('overall', name 'all'), by the model that scored last: the day itself (n, p_high, ...), and the
--          7 and 28 days that end on it (n_7, p_high_28, ...). share_high_lo and _hi are Wilson's 95% interval, which
--          takes texts for independent.
--          schema/038 replaces this view
-- grain: one row per level, name and UTC calendar day with at least one scored text
-- frame: 7 or 28 calendar days ending on and including day; it counts days, not rows, so silence shrinks n
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
        CAST(day - DATE '1970-01-01' AS INTEGER) AS number,
        CAST(count(*) AS DOUBLE) AS n,
        CAST(count(*) FILTER (risk = 'high_risk') AS DOUBLE) AS n_high,
        sum(p_high) AS high
    FROM texts
    GROUP BY level, name, day
),
windows AS (
    SELECT
        level,
        name,
        number,
        n,
        n_high,
        high,
        sum(n) OVER week AS n_7,
        count(*) OVER week AS n_days_7,
        sum(n_high) OVER week AS n_high_7,
        sum(high) OVER week AS high_7,
        sum(n) OVER month AS n_28,
        count(*) OVER month AS n_days_28,
        sum(n_high) OVER month AS n_high_28,
        sum(high) OVER month AS high_28
    FROM cells
    WINDOW
        week AS (PARTITION BY name, level ORDER BY number RANGE BETWEEN 6 PRECEDING AND CURRENT ROW),
        month AS (PARTITION BY name, level ORDER BY number RANGE BETWEEN 27 PRECEDING AND CURRENT ROW)
)
SELECT
    CAST(level AS VARCHAR) AS level,
    name,
    DATE '1970-01-01' + number AS day,
    CAST(n AS BIGINT) AS n,
    CAST(n_high AS BIGINT) AS n_high,
    high / n AS p_high,
    n_high / n AS share_high,
    greatest(0, (n_high + 1.9208e0 - 1.96e0 * sqrt(n_high * (1 - n_high / n) + 0.9604e0)) / (n + 3.8416e0)) AS share_high_lo,
    least(1, (n_high + 1.9208e0 + 1.96e0 * sqrt(n_high * (1 - n_high / n) + 0.9604e0)) / (n + 3.8416e0)) AS share_high_hi,
    CAST(n_7 AS BIGINT) AS n_7,
    n_days_7,
    CAST(n_high_7 AS BIGINT) AS n_high_7,
    high_7 / n_7 AS p_high_7,
    n_high_7 / n_7 AS share_high_7,
    greatest(0, (n_high_7 + 1.9208e0 - 1.96e0 * sqrt(n_high_7 * (1 - n_high_7 / n_7) + 0.9604e0)) / (n_7 + 3.8416e0)) AS share_high_lo_7,
    least(1, (n_high_7 + 1.9208e0 + 1.96e0 * sqrt(n_high_7 * (1 - n_high_7 / n_7) + 0.9604e0)) / (n_7 + 3.8416e0)) AS share_high_hi_7,
    CAST(n_28 AS BIGINT) AS n_28,
    n_days_28,
    CAST(n_high_28 AS BIGINT) AS n_high_28,
    high_28 / n_28 AS p_high_28,
    n_high_28 / n_28 AS share_high_28,
    greatest(0, (n_high_28 + 1.9208e0 - 1.96e0 * sqrt(n_high_28 * (1 - n_high_28 / n_28) + 0.9604e0)) / (n_28 + 3.8416e0)) AS share_high_lo_28,
    least(1, (n_high_28 + 1.9208e0 + 1.96e0 * sqrt(n_high_28 * (1 - n_high_28 / n_28) + 0.9604e0)) / (n_28 + 3.8416e0)) AS share_high_hi_28
FROM windows

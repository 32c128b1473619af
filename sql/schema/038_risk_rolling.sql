-- name: risk_rolling
-- purpose: the recent past on each day of every subject (level 'subject', name = subject_id), cohort ('cohort') and of
--          all together ('overall', name 'all'), by the model that scored last: the day itself (n, p_high, ...), and the
--          7 and 28 days that end on it (n_7, p_high_28, ...). share_high_lo and _hi are 95% intervals: of one subject
--          Wilson's. Those of cohorts and of all together count subjects, not texts: texts of one
--          subject resemble each other, so Wilson's interval over texts is too narrow (its 95% held 67 to 86%).
--          cluster_low and cluster_high are Wilson's interval on the effective number of texts, with Student's t for z
--          (Korn & Graubard 1998, Survey Methodology 24(2)). The effective number is the one that gives the variance
--          between subjects, p (1 - p) / n_eff = K / (K - 1) * sum of (k_i - p n_i)^2 / n^2, and never more than n; where
--          all texts or none are high it assumes a correlation of 0.2 within subjects. The degrees of freedom are Kish's
--          effective number of subjects, n^2 / sum of n_i^2, less one. With one subject the interval is undefined (NULL).
--          Arguments: k of n texts by K subjects, and the sums over subjects kk of k_i^2, kn of k_i n_i, nn of n_i^2.
--          t_95 is within 1% of the quantile from 2 degrees of freedom on (Wallace 1959, Ann. Math. Stat. 30(4))
-- grain: one row per level, name and UTC calendar day with at least one scored text
-- frame: 7 or 28 calendar days ending on and including day; it counts days, not rows, so silence shrinks n
-- params: none
CREATE OR REPLACE MACRO t_95(df) AS
CASE
    WHEN df < 2 THEN 12.706
    ELSE sqrt(df * (exp(3.8416 * (df - 5 / 6) / pow(df - 2 / 3 + 0.1 / df, 2)) - 1))
END;
CREATE OR REPLACE MACRO effective_texts(k, n, subjects, kk, kn, nn) AS
CASE
    WHEN subjects < 2 THEN NULL
    WHEN k = 0 OR k = n THEN n / (1 + greatest(0, nn / n - 1) * 0.2)
    ELSE 1 / greatest(
        1 / n,
        subjects / (subjects - 1) * greatest(0, kk - 2 * k / n * kn + (k / n) * (k / n) * nn) / (k * (n - k))
    )
END;
CREATE OR REPLACE MACRO wilson_t_low(p, n, t) AS
greatest(0, (p + t * t / (2 * n) - t * sqrt(p * (1 - p) / n + t * t / (4 * n * n))) / (1 + t * t / n));
CREATE OR REPLACE MACRO wilson_t_high(p, n, t) AS
least(1, (p + t * t / (2 * n) + t * sqrt(p * (1 - p) / n + t * t / (4 * n * n))) / (1 + t * t / n));
CREATE OR REPLACE MACRO cluster_low(k, n, subjects, kk, kn, nn) AS
CASE WHEN subjects > 1 THEN wilson_t_low(k / n, effective_texts(k, n, subjects, kk, kn, nn), t_95(n * n / nn - 1)) END;
CREATE OR REPLACE MACRO cluster_high(k, n, subjects, kk, kn, nn) AS
CASE WHEN subjects > 1 THEN wilson_t_high(k / n, effective_texts(k, n, subjects, kk, kn, nn), t_95(n * n / nn - 1)) END;
CREATE OR REPLACE VIEW risk_rolling AS
-- enums, doubles and whole numbers, because partitions, sums and frames of other types take half as long again
WITH texts AS (
    SELECT 'subject' AS level, subject_id AS name, day, risk, p_high FROM latest_scores
    UNION ALL
    SELECT 'cohort', cohort, day, risk, p_high FROM latest_scores
    UNION ALL
    SELECT 'overall', 'all', day, risk, p_high FROM latest_scores
),
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
windows AS NOT MATERIALIZED (
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
),
-- Sums of squares over subjects cannot be added up over days. So each subject's own totals of a window change when texts
-- enter it and when they leave it, and the squares change by as much.
in_groups AS (
    SELECT 'cohort' AS level, cohort AS name, subject_id, day, risk FROM latest_scores
    UNION ALL
    SELECT 'overall', 'all', subject_id, day, risk FROM latest_scores
),
changes AS (
    SELECT
        level,
        name,
        subject_id,
        event.days AS days,
        CAST(day - DATE '1970-01-01' AS INTEGER) + event.later AS number,
        CAST(sum(event.sign * texts) AS DOUBLE) AS n,
        CAST(coalesce(sum(event.sign * texts) FILTER (risk = 'high_risk'), 0) AS DOUBLE) AS k
    FROM (
        SELECT *, unnest([(1, 0, 1), (1, 1, -1), (7, 0, 1), (7, 7, -1), (28, 0, 1), (28, 28, -1)]::STRUCT(days INTEGER, later INTEGER, sign INTEGER)[]) AS event
        FROM (SELECT level, name, subject_id, day, risk, count(*) AS texts FROM in_groups GROUP BY ALL)
    )
    GROUP BY ALL
),
totals AS (
    SELECT *, sum(n) OVER own AS n_after, sum(k) OVER own AS k_after, n_after - n AS n_before, k_after - k AS k_before
    FROM changes
    WINDOW own AS (PARTITION BY days, level, name, subject_id ORDER BY number ROWS UNBOUNDED PRECEDING)
),
moves AS (
    SELECT
        days,
        level,
        name,
        number,
        sum(CAST(n_after > 0 AS INTEGER) - CAST(n_before > 0 AS INTEGER)) AS subjects,
        sum(k_after * k_after - k_before * k_before) AS kk,
        sum(k_after * n_after - k_before * n_before) AS kn,
        sum(n_after * n_after - n_before * n_before) AS nn
    FROM totals
    GROUP BY days, level, name, number
),
running AS (
    SELECT
        days,
        level,
        name,
        number,
        {
            'subjects': sum(subjects) OVER so_far,
            'kk': sum(kk) OVER so_far,
            'kn': sum(kn) OVER so_far,
            'nn': sum(nn) OVER so_far
        } AS sums
    FROM moves
    WINDOW so_far AS (PARTITION BY days, level, name ORDER BY number ROWS UNBOUNDED PRECEDING)
),
spreads AS (
    SELECT
        level,
        name,
        number,
        any_value(sums) FILTER (days = 1) AS d,
        any_value(sums) FILTER (days = 7) AS s,
        any_value(sums) FILTER (days = 28) AS m
    FROM running
    GROUP BY level, name, number
)
SELECT
    CAST(level AS VARCHAR) AS level,
    name,
    DATE '1970-01-01' + number AS day,
    CAST(n AS BIGINT) AS n,
    CAST(n_high AS BIGINT) AS n_high,
    high / n AS p_high,
    n_high / n AS share_high,
    wilson_low(n_high, n) AS share_high_lo,
    wilson_high(n_high, n) AS share_high_hi,
    CAST(n_7 AS BIGINT) AS n_7,
    n_days_7,
    CAST(n_high_7 AS BIGINT) AS n_high_7,
    high_7 / n_7 AS p_high_7,
    n_high_7 / n_7 AS share_high_7,
    wilson_low(n_high_7, n_7) AS share_high_lo_7,
    wilson_high(n_high_7, n_7) AS share_high_hi_7,
    CAST(n_28 AS BIGINT) AS n_28,
    n_days_28,
    CAST(n_high_28 AS BIGINT) AS n_high_28,
    high_28 / n_28 AS p_high_28,
    n_high_28 / n_28 AS share_high_28,
    wilson_low(n_high_28, n_28) AS share_high_lo_28,
    wilson_high(n_high_28, n_28) AS share_high_hi_28
FROM windows
WHERE level = 'subject'
UNION ALL
SELECT
    level,
    name,
    DATE '1970-01-01' + number AS day,
    CAST(n AS BIGINT) AS n,
    CAST(n_high AS BIGINT) AS n_high,
    high / n AS p_high,
    n_high / n AS share_high,
    cluster_low(n_high, n, d.subjects, d.kk, d.kn, d.nn) AS share_high_lo,
    cluster_high(n_high, n, d.subjects, d.kk, d.kn, d.nn) AS share_high_hi,
    CAST(n_7 AS BIGINT) AS n_7,
    n_days_7,
    CAST(n_high_7 AS BIGINT) AS n_high_7,
    high_7 / n_7 AS p_high_7,
    n_high_7 / n_7 AS share_high_7,
    cluster_low(n_high_7, n_7, s.subjects, s.kk, s.kn, s.nn) AS share_high_lo_7,
    cluster_high(n_high_7, n_7, s.subjects, s.kk, s.kn, s.nn) AS share_high_hi_7,
    CAST(n_28 AS BIGINT) AS n_28,
    n_days_28,
    CAST(n_high_28 AS BIGINT) AS n_high_28,
    high_28 / n_28 AS p_high_28,
    n_high_28 / n_28 AS share_high_28,
    cluster_low(n_high_28, n_28, m.subjects, m.kk, m.kn, m.nn) AS share_high_lo_28,
    cluster_high(n_high_28, n_28, m.subjects, m.kk, m.kn, m.nn) AS share_high_hi_28
FROM windows
JOIN spreads USING (level, name, number)
WHERE level <> 'subject'

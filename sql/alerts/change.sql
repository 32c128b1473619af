-- name: change
-- purpose: change rule: a one-sided CUSUM of a subject's p_high. Each text adds its p_high less the mean of the subject's
--          baseline and less an allowance, so the sum counts texts' worth of certain high risk. Page's recursion
--          S = max(0, S + x - baseline - allowance) equals the cumulative sum less its running minimum (the Skorokhod
--          map), which windows compute. The minimum is over the last change_days days, so the rule forgets older days
--          (window-limited CUSUM, Lai 1995). Page 1954, Biometrika 41(1/2)
-- grain: one row per day with texts, of the subjects who ever reached the limit (`hit`); `calm` = below calm_share of it.
--        A day without a baseline is neither. The evidence is the stretch of days that makes up the sum
-- frame: baseline: baseline_days calendar days that end baseline_gap days before day, with at least baseline_texts texts;
--        cumulative sums: all days up to day; running minimum: change_days calendar days ending on and including day
-- params: model_id, as_of, signal, change_limit, change_allowance, change_days, baseline_days, baseline_gap, baseline_texts, calm_share
WITH daily AS (
    SELECT
        subject_id,
        day,
        sum(n) AS n,
        sum(CASE $signal WHEN 'p_high' THEN high WHEN 'p_any' THEN any_or_high ELSE either END) AS high
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
    GROUP BY subject_id, day
),
excess AS (
    SELECT
        subject_id,
        day,
        n,
        high - n * (sum(high) OVER past / sum(n) OVER past + $change_allowance) AS step
    FROM daily
    WINDOW past AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($baseline_gap + $baseline_days AS INTEGER) - 1) PRECEDING
        AND to_days(CAST($baseline_gap AS INTEGER)) PRECEDING
    )
    QUALIFY sum(n) OVER past >= $baseline_texts
),
sums AS (
    SELECT
        subject_id,
        day,
        sum(n) OVER so_far AS texts,
        texts - n AS texts_before,
        sum(step) OVER so_far AS total,
        total - step AS total_before
    FROM excess
    WINDOW so_far AS (PARTITION BY subject_id ORDER BY day ROWS UNBOUNDED PRECEDING)
),
cusum AS (
    SELECT *, greatest(0, total - min(total_before) OVER recent) AS value
    FROM sums
    WINDOW recent AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($change_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
),
reached AS (
    SELECT *, value >= $change_limit AS hit
    FROM cusum
    QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)
),
-- the evidence begins at the lowest sum, of equal sums the latest; rounded, because equal sums differ in their last bits
starts AS (
    SELECT *, min({'total': round(total_before, 9), 'age': -epoch(day), 'texts': texts_before, 'day': day}) OVER recent AS start
    FROM reached
    WINDOW recent AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($change_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    subject_id,
    day,
    start.day AS evidence_from,
    CAST(texts - start.texts AS INTEGER) AS n,
    value,
    hit,
    value < $calm_share * $change_limit AS calm
FROM starts
UNION ALL
SELECT subject_id, day, day, CAST(n AS INTEGER), 0, false, false
FROM daily
SEMI JOIN reached USING (subject_id)
ANTI JOIN excess USING (subject_id, day)

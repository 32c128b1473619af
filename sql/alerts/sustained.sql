-- name: sustained
-- purpose: sustained rule: on several of the last days the mean p_high of a subject's day was at or above a line; the rule
--          counts days, not texts. value = number of such days; a day without texts is not one
-- grain: one row per day with texts, of the subjects who ever had so many days (`hit`); `calm` = below calm_share of it
-- frame: sustained_of calendar days ending on and including day
-- params: model_id, as_of, signal, sustained_days, sustained_of, sustained_line, calm_share
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
windows AS (
    SELECT
        subject_id,
        day,
        min(day) OVER recent AS evidence_from,
        CAST(sum(n) OVER recent AS INTEGER) AS n,
        CAST(count(*) FILTER (high / n >= $sustained_line) OVER recent AS DOUBLE) AS value
    FROM daily
    WINDOW recent AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($sustained_of AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    *,
    value >= $sustained_days AS hit,
    value < $calm_share * $sustained_days AS calm
FROM windows
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

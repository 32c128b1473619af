-- name: level
-- purpose: level rule: the mean p_high of a subject's last days is at or above a line, and they wrote enough texts for it
-- grain: one row per day with texts, of the subjects who ever reached the line (`hit`); `calm` = below calm_share of it
-- frame: level_days calendar days ending on and including day
-- params: model_id, as_of, signal, threshold, min_texts, level_days, calm_share
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
        sum(high) OVER recent / sum(n) OVER recent AS value
    FROM daily
    WINDOW recent AS (
        PARTITION BY subject_id
        ORDER BY day
        RANGE BETWEEN to_days(CAST($level_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
    )
)
SELECT
    *,
    n >= $min_texts AND value >= $threshold AS hit,
    n >= $min_texts AND value < $calm_share * $threshold AS calm
FROM windows
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

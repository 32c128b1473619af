-- name: level
-- purpose: level rule: the mean of the signal over a subject's last days is at or above a line, and the days have enough texts
-- grain: one row per day with texts, of the subjects who ever reached the line (`hit`); `calm` = below calm_share of it.
--        If these days have too few texts, `calm` is judged over four times as many days. Otherwise an alert about a person who
--        writes rarely would never close
-- frame: level_days calendar days ending on and including day; long: four times as many
-- params: model_id, as_of, signal, threshold, min_texts, level_days, calm_share
WITH windows AS (
    SELECT
        subject_id,
        day,
        min(day) OVER recent AS evidence_from,
        CAST(sum(n) OVER recent AS INTEGER) AS n,
        sum(signal) OVER recent / sum(n) OVER recent AS value,
        sum(n) OVER long AS n_long,
        sum(signal) OVER long / n_long AS value_long
    FROM signal_days($model_id, $as_of, $signal)
    WINDOW
        recent AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($level_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        long AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(4 * CAST($level_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        )
)
SELECT
    * EXCLUDE (n_long, value_long),
    n >= $min_texts AND value >= $threshold AS hit,
    if(n >= $min_texts, value, value_long) < $calm_share * $threshold AND n_long >= $min_texts AS calm
FROM windows
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

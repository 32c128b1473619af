-- name: now
-- purpose: the present state of each person, compared with the week before and with their own past. p_7 is the mean P(high) of the
--          last 7 days, and signal_7 the mean that the macro at_line compares. past_mean = mean of the own past (from 10 texts on);
--          past_lo to past_hi = range of the means of 95 in 100 weeks like that past, as in rolling_subject. silent_days = days
--          since the last text; longest_pause = days of the longest pause between days with texts in the 56 days to the last text.
--          For people with a crisis alert, last_crisis = counted_at of the newest text that can raise one, and crisis_known_at = newest
--          known_at of the macro crisis_texts; another such text does not change an open alert
-- grain: one row per subject with a scored text of this model. A crisis text that counts before its own time is a day without texts
-- frame: now: the 7 calendar days ending on and including as_of; before: the 7 days before those; past: the 56 days before now;
--        pauses: the 56 calendar days ending on each subject's last day; each day with texts is compared with the one before
-- params: model_id, as_of, signal, threshold, min_texts, suicidal_limit
WITH crisis AS (
    FROM crisis_texts($model_id, $as_of, $suicidal_limit)
),
days AS (
    FROM signal_days($model_id, $as_of, $signal)
    UNION ALL BY NAME
    SELECT DISTINCT subject_id, counted_on AS day, 0 AS n, 0 AS high, 0 AS high_squared, 0 AS signal
    FROM crisis
    WHERE counted_at < posted_at
),
marked AS (
    SELECT
        *,
        CAST($as_of AS DATE) - day AS age,
        day - lag(day) OVER own AS pause,
        last_value(day) OVER (own ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last_day
    FROM (
        SELECT subject_id, day, sum(n) AS n, sum(high) AS high, sum(high_squared) AS high_squared, sum(signal) AS signal
        FROM days
        GROUP BY subject_id, day
    )
    WINDOW own AS (PARTITION BY subject_id ORDER BY day)
),
sums AS (
    SELECT
        subject_id,
        min(day) AS first_day,
        any_value(last_day) AS last_day,
        CAST(coalesce(sum(n) FILTER (age < 7), 0) AS BIGINT) AS n_7,
        sum(high) FILTER (age < 7) / nullif(n_7, 0) AS p_7,
        sum(signal) FILTER (age < 7) / nullif(n_7, 0) AS signal_7,
        CAST(coalesce(sum(n) FILTER (age BETWEEN 7 AND 13), 0) AS BIGINT) AS n_before,
        sum(high) FILTER (age BETWEEN 7 AND 13) / nullif(n_before, 0) AS p_before,
        CAST(coalesce(sum(n) FILTER (age BETWEEN 7 AND 62), 0) AS BIGINT) AS past_n,
        sum(high) FILTER (age BETWEEN 7 AND 62) / nullif(past_n, 0) AS mean_then,
        greatest(0, (sum(high_squared) FILTER (age BETWEEN 7 AND 62) - past_n * mean_then * mean_then) / (past_n - 1)) AS variance,
        max(pause) FILTER (last_day - day < 56 AND pause <= 56) AS longest_pause,
        count(*) FILTER (last_day - day < 56) AS n_days_56
    FROM marked
    GROUP BY subject_id
),
crises AS (
    SELECT subject_id, max(counted_at) AS last_crisis, max(known_at) AS crisis_known_at
    FROM crisis
    WHERE subject_id IN (SELECT subject_id FROM alerts WHERE model_id = $model_id AND rule = 'crisis')
    GROUP BY subject_id
)
SELECT
    s.subject_id,
    c.code,
    first_day,
    last_day,
    CAST(CAST($as_of AS DATE) - last_day AS INTEGER) AS silent_days,
    CAST(longest_pause AS INTEGER) AS longest_pause,
    n_days_56,
    n_7,
    p_7,
    signal_7,
    at_line(signal_7, n_7, $threshold, $min_texts) AS at_line,
    n_before,
    p_before,
    past_n,
    CASE WHEN past_n >= 10 THEN mean_then END AS past_mean,
    CASE WHEN past_n >= 10 AND n_7 > 0 THEN greatest(0, mean_then - 1.96 * sqrt(variance * (1 / n_7 + 1 / past_n))) END AS past_lo,
    CASE WHEN past_n >= 10 AND n_7 > 0 THEN least(1, mean_then + 1.96 * sqrt(variance * (1 / n_7 + 1 / past_n))) END AS past_hi,
    last_crisis,
    crisis_known_at
FROM sums AS s
LEFT JOIN codes AS c USING (subject_id)
LEFT JOIN crises USING (subject_id)
ORDER BY s.subject_id

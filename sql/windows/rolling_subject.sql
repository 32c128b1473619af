-- name: rolling_subject
-- purpose: each subject's last days on each day they wrote: means weighted by texts, never means of daily means.
--          variability = standard deviation of the texts' p_high (from 2 texts on); inertia = correlation of a day's mean
--          p_high with that of the day before, over the window's pairs of neighbouring days (in windows of 28 days or more,
--          from 14 pairs on, because over a week it is noise, with a standard deviation of 0.36; NULL where either does
--          not vary). baseline_mean = mean p_high of the subject's own past (from 10 texts on), and baseline_lo to _hi = 95% range
--          of the mean of n further texts like these (normal approximation); share_high_lo and _hi are Wilson's 95% interval. Both
--          assume independent texts
-- grain: one row per subject and UTC calendar day with at least one scored text; a day without texts has no row
-- frame: window_days calendar days ending on and including day. It counts days, not rows: days without texts
--        make n smaller, not the window longer. INTERVAL 6 DAY PRECEDING is the 7-day window; 7 would add an eighth day. The own past
--        is the 56 days before the window. Both days of a pair are in the window
-- params: model_id, as_of, window_days
WITH daily AS (
    SELECT subject_id, day, sum(COLUMNS(* EXCLUDE (model_id, subject_id, cohort, day)))
    FROM daily_cells
    WHERE model_id = $model_id AND day <= CAST($as_of AS DATE)
    GROUP BY subject_id, day
),
pairs AS (
    SELECT
        *,
        CASE WHEN lag(day) OVER own = day - 1 THEN lag(high / n) OVER own END AS before,
        CASE WHEN before IS NOT NULL THEN high / n END AS after
    FROM daily
    WINDOW own AS (PARTITION BY subject_id ORDER BY day)
),
windows AS (
    SELECT
        subject_id,
        day,
        count(*) OVER recent AS n_days,
        sum(COLUMNS(* EXCLUDE (subject_id, day, before, after))) OVER recent,
        count(after) OVER inside AS n_pairs,
        corr(before, after) OVER inside AS correlation,
        least(var_pop(before) OVER inside, var_pop(after) OVER inside) AS pair_variance,
        sum(n) OVER past AS past_n,
        sum(high) OVER past / past_n AS past_mean,
        greatest(0, (sum(high_squared) OVER past - past_n * past_mean * past_mean) / (past_n - 1)) AS past_variance
    FROM pairs
    WINDOW
        recent AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
        ),
        inside AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(greatest(CAST($window_days AS INTEGER) - 2, 0)) PRECEDING AND CURRENT ROW
        ),
        past AS (
            PARTITION BY subject_id
            ORDER BY day
            RANGE BETWEEN to_days(CAST($window_days AS INTEGER) + 55) PRECEDING
            AND to_days(CAST($window_days AS INTEGER)) PRECEDING
        )
)
SELECT
    day,
    subject_id,
    CAST(n AS BIGINT) AS n,
    n_days,
    CAST(n_high AS BIGINT) AS n_high,
    n_high / n AS share_high,
    wilson_low(n_high, n) AS share_high_lo,
    wilson_high(n_high, n) AS share_high_hi,
    COLUMNS('^(low|mid|high|sadness|joy|love|anger|fear|surprise)$') / n AS "p_\1",
    CASE WHEN n > 1 THEN sqrt(greatest(0, (high_squared - high * high / n) / (n - 1))) END AS variability,
    CASE WHEN $window_days >= 28 AND n_pairs >= 14 AND pair_variance > 1e-12 THEN correlation END AS inertia,
    CASE WHEN past_n >= 10 THEN past_mean END AS baseline_mean,
    CASE WHEN past_n >= 10 THEN greatest(0, past_mean - 1.96 * sqrt(past_variance * (1 / n + 1 / past_n))) END AS baseline_lo,
    CASE WHEN past_n >= 10 THEN least(1, past_mean + 1.96 * sqrt(past_variance * (1 / n + 1 / past_n))) END AS baseline_hi
FROM windows
ORDER BY day, subject_id

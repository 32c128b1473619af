-- name: rolling_subject
-- purpose: each subject's recent past on each day they wrote: means weighted by texts, never means of daily means
-- grain: one row per subject and UTC calendar day with at least one scored text; a day of silence has no row
-- frame: window_days calendar days ending on and including day. It counts days, not rows: silence shrinks n, it never
--        stretches the window. INTERVAL 6 DAY PRECEDING is the 7-day window; 7 would let an eighth day in
-- params: model_id, as_of, window_days
WITH daily AS (
    SELECT
        CAST(d.posted_at AS DATE) AS day,
        d.subject_id,
        count(*) AS n,
        count(*) FILTER (s.risk = 'high_risk') AS n_high,
        sum(s.p_low) AS low,
        sum(s.p_mid) AS mid,
        sum(s.p_high) AS high,
        sum(s.p_sadness) AS sadness,
        sum(s.p_joy) AS joy,
        sum(s.p_love) AS love,
        sum(s.p_anger) AS anger,
        sum(s.p_fear) AS fear,
        sum(s.p_surprise) AS surprise
    FROM scores AS s
    JOIN documents AS d USING (doc_id)
    WHERE s.model_id = $model_id
      AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
    GROUP BY ALL
)
SELECT
    day,
    subject_id,
    CAST(sum(n) OVER recent AS BIGINT) AS n,
    count(*) OVER recent AS n_days,
    CAST(sum(n_high) OVER recent AS BIGINT) AS n_high,
    sum(n_high) OVER recent / sum(n) OVER recent AS share_high,
    sum(low) OVER recent / sum(n) OVER recent AS p_low,
    sum(mid) OVER recent / sum(n) OVER recent AS p_mid,
    sum(high) OVER recent / sum(n) OVER recent AS p_high,
    sum(sadness) OVER recent / sum(n) OVER recent AS p_sadness,
    sum(joy) OVER recent / sum(n) OVER recent AS p_joy,
    sum(love) OVER recent / sum(n) OVER recent AS p_love,
    sum(anger) OVER recent / sum(n) OVER recent AS p_anger,
    sum(fear) OVER recent / sum(n) OVER recent AS p_fear,
    sum(surprise) OVER recent / sum(n) OVER recent AS p_surprise
FROM daily
WINDOW recent AS (
    PARTITION BY subject_id
    ORDER BY day
    RANGE BETWEEN to_days(CAST($window_days AS INTEGER) - 1) PRECEDING AND CURRENT ROW
)
ORDER BY day, subject_id

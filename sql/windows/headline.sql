-- name: headline
-- purpose: the last 7 days and the 7 days before in a few numbers, among them the subjects at the line
-- grain: two rows, `now` and `before`; a period without texts has n = 0 and NULL means
-- frame: `now` = 7 calendar days ending on and including as_of, `before` = the 7 days before those. A subject is rated
--        when they wrote at least min_texts texts in the period; above: at the line, as the macro at_line defines it
-- params: model_id, as_of, signal, threshold, min_texts
WITH periods AS (
    SELECT
        unnest(['now', 'before']) AS period,
        CAST($as_of AS DATE) - unnest([6, 13]) AS first_day,
        CAST($as_of AS DATE) - unnest([0, 7]) AS last_day
),
subjects AS (
    SELECT
        p.period,
        s.subject_id,
        count(*) AS n,
        count(*) FILTER (s.risk = 'high_risk') AS n_high,
        sum(s.p_low) AS low,
        sum(s.p_mid) AS mid,
        sum(s.p_high) AS high,
        avg(signal_of($signal, s.p_high, s.p_any)) AS signal
    FROM scores AS s
    JOIN periods AS p ON CAST(s.posted_at AS DATE) BETWEEN p.first_day AND p.last_day
    WHERE s.model_id = $model_id
      AND s.posted_at >= CAST($as_of AS DATE) - 13  -- a plain bound, by which DuckDB skips blocks and files
      AND s.posted_at < CAST($as_of AS DATE) + 1
    GROUP BY ALL
)
SELECT
    p.period,
    p.first_day,
    p.last_day,
    CAST(coalesce(sum(s.n), 0) AS BIGINT) AS n,
    count(s.subject_id) AS n_subjects,
    CAST(coalesce(sum(s.n_high), 0) AS BIGINT) AS n_high,
    sum(s.n_high) / sum(s.n) AS share_high,
    sum(s.low) / sum(s.n) AS p_low,
    sum(s.mid) / sum(s.n) AS p_mid,
    sum(s.high) / sum(s.n) AS p_high,
    count(*) FILTER (s.n >= $min_texts) AS n_rated,
    count(*) FILTER (at_line(s.signal, s.n, $threshold, $min_texts)) AS n_above
FROM periods AS p
LEFT JOIN subjects AS s USING (period)
GROUP BY ALL
ORDER BY p.last_day DESC

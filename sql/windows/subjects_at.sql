-- name: subjects_at
-- purpose: who is at the line on a day, by the macro at_line; the view subjects_now is the same for the last scored day
-- grain: one row per subject who wrote in the 7 days; signal_7 is the mean that is compared, rated: texts enough
-- frame: 7 calendar days ending on and including as_of
-- params: model_id, as_of, signal, threshold, min_texts
SELECT
    subject_id,
    max(CAST(posted_at AS DATE)) AS last_day,
    count(*) AS n_7,
    count(DISTINCT CAST(posted_at AS DATE)) AS n_days_7,
    count(*) FILTER (risk = 'high_risk') AS n_high_7,
    avg(p_high) AS p_high_7,
    avg(p_any) AS p_any_7,
    avg(signal_of($signal, p_high, p_any)) AS signal_7,
    n_7 >= $min_texts AS rated,
    at_line(signal_7, n_7, $threshold, $min_texts) AS at_line
FROM scores
WHERE model_id = $model_id
  AND posted_at >= CAST($as_of AS DATE) - 6
  AND posted_at < CAST($as_of AS DATE) + 1
GROUP BY subject_id
ORDER BY subject_id

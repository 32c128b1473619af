-- name: heat_weekday_hour
-- purpose: at which hours of the week the risk is written
-- grain: one row per ISO weekday (1 Monday to 7 Sunday) and UTC hour (0 to 23) with at least one scored text
-- frame: the `days` calendar days ending on and including as_of
-- params: model_id, as_of, days
SELECT
    isodow(d.posted_at) AS weekday,
    hour(d.posted_at) AS hour,
    count(*) AS n,
    count(DISTINCT d.subject_id) AS n_subjects,
    count(*) FILTER (s.risk = 'high_risk') AS n_high,
    avg(CAST(s.risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(s.p_high) AS p_high
FROM scores AS s
JOIN documents AS d USING (doc_id)
WHERE s.model_id = $model_id
  AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
  AND d.posted_at >= CAST($as_of AS DATE) - to_days(CAST($days AS INTEGER) - 1)
GROUP BY ALL
ORDER BY weekday, hour

-- name: heat_weekday_hour
-- purpose: risk by hour of the week
-- grain: one row per ISO weekday (1 Monday to 7 Sunday) and UTC hour (0 to 23) with at least one scored text;
--        n_top texts of one subject
-- frame: the `days` calendar days ending on and including as_of
-- params: model_id, as_of, days
SELECT
    isodow(s.posted_at) AS weekday,
    hour(s.posted_at) AS hour,
    count(*) AS n,
    count(DISTINCT s.subject_id) AS n_subjects,
    CAST(list_max(map_values(histogram(s.subject_id))) AS BIGINT) AS n_top,
    count(*) FILTER (s.risk = 'high_risk') AS n_high,
    avg(CAST(s.risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(s.p_high) AS p_high
FROM scores AS s
WHERE s.model_id = $model_id
  AND s.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
  AND s.posted_at >= CAST($as_of AS DATE) - to_days(CAST($days AS INTEGER) - 1)
GROUP BY ALL
ORDER BY weekday, hour

-- name: heat_weekday_hour
-- purpose: risk by hour of the week
-- grain: one row per ISO weekday (1 Monday to 7 Sunday) and UTC hour (0 to 23) with at least one scored text;
--        n_top texts of one subject
-- frame: the `days` calendar days ending on and including as_of
-- params: model_id, as_of, days
WITH own AS (
    SELECT
        isodow(posted_at) AS weekday,
        hour(posted_at) AS hour,
        subject_id,
        count(*) AS n,
        count(*) FILTER (risk = 'high_risk') AS n_high,
        sum(p_high) AS high
    FROM scores
    WHERE model_id = $model_id
      AND posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
      AND posted_at >= CAST($as_of AS DATE) - to_days(CAST($days AS INTEGER) - 1)
    GROUP BY ALL
)
SELECT
    weekday,
    hour,
    CAST(sum(n) AS BIGINT) AS n,
    count(*) AS n_subjects,
    max(n) AS n_top,
    CAST(sum(n_high) AS BIGINT) AS n_high,
    sum(n_high) / sum(n) AS share_high,
    sum(high) / sum(n) AS p_high
FROM own
GROUP BY weekday, hour
ORDER BY weekday, hour

-- name: daily_overall
-- purpose: what everyone together wrote on each day; n_subjects is what small-cohort suppression looks at
-- grain: one row per UTC calendar day with at least one scored text
-- frame: the calendar day; every day up to and including the day of as_of
-- params: model_id, as_of
SELECT
    CAST(d.posted_at AS DATE) AS day,
    count(*) AS n,
    count(DISTINCT d.subject_id) AS n_subjects,
    count(*) FILTER (s.risk = 'high_risk') AS n_high,
    avg(CAST(s.risk = 'high_risk' AS INTEGER)) AS share_high,
    avg(s.p_low) AS p_low,
    avg(s.p_mid) AS p_mid,
    avg(s.p_high) AS p_high,
    avg(s.p_sadness) AS p_sadness,
    avg(s.p_joy) AS p_joy,
    avg(s.p_love) AS p_love,
    avg(s.p_anger) AS p_anger,
    avg(s.p_fear) AS p_fear,
    avg(s.p_surprise) AS p_surprise
FROM scores AS s
JOIN documents AS d USING (doc_id)
WHERE s.model_id = $model_id
  AND d.posted_at < CAST($as_of AS DATE) + INTERVAL 1 DAY
GROUP BY ALL
ORDER BY day

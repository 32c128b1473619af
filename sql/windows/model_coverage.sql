-- name: model_coverage
-- purpose: the scores of each model in numbers; the model of the last run comes first (view latest_model), then the others by their
--          newest scores. A report chooses its model and its last day (last_day) from these rows: the last day with a text, or the day
--          up to which the alert rules have read, which is later if a crisis text counts before its own time
-- grain: one row per model known to the database, those without scores included; alerts_current = the alert rules have
--        read all of its scores
-- frame: all scores up to and including the day of until; a report of this model can end on last_posted at the latest
-- params: until
SELECT
    m.model_id,
    m.name,
    m.base,
    m.adapter,
    m.quantisation,
    m.temperature,
    m.exponent,
    m.sureness,
    m.risk_map,
    count(s.doc_id) FILTER (s.posted_at < CAST($until AS DATE) + INTERVAL 1 DAY) AS n,
    min(s.posted_at) FILTER (s.posted_at < CAST($until AS DATE) + INTERVAL 1 DAY) AS first_posted,
    max(s.posted_at) FILTER (s.posted_at < CAST($until AS DATE) + INTERVAL 1 DAY) AS last_posted,
    greatest(
        CAST(max(s.posted_at) FILTER (s.posted_at < CAST($until AS DATE) + INTERVAL 1 DAY) AS DATE),
        max(u.as_of) FILTER (u.as_of <= CAST($until AS DATE))
    ) AS last_day,
    max(s.scored_at) AS last_scored,
    coalesce(
        max(s.scored_at) <= max(u.scored_until) AND max(s.run_id) <= max(u.run_id), count(s.doc_id) = 0
    ) AS alerts_current
FROM models AS m
LEFT JOIN scores AS s USING (model_id)
LEFT JOIN alert_updates AS u USING (model_id)
LEFT JOIN latest_model AS l USING (model_id)
GROUP BY ALL
ORDER BY
    bool_or(l.model_id IS NOT NULL) DESC,
    max(s.run_id) DESC NULLS LAST,
    last_scored DESC NULLS LAST,
    m.model_id

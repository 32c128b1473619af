-- name: model_coverage
-- purpose: which models have scored what, newest work first: how a report chooses its model and its as-of
-- grain: one row per model known to the database, those without scores included
-- frame: all scores up to and including the day of until; last_posted is the last day a report of this model can show
-- params: until
SELECT
    m.model_id,
    m.name,
    m.base,
    m.adapter,
    m.quantisation,
    m.temperature,
    m.risk_map,
    count(d.doc_id) AS n,
    min(d.posted_at) AS first_posted,
    max(d.posted_at) AS last_posted,
    max(s.scored_at) AS last_scored
FROM models AS m
LEFT JOIN scores AS s USING (model_id)
LEFT JOIN documents AS d
    ON d.doc_id = s.doc_id AND d.posted_at < CAST($until AS DATE) + INTERVAL 1 DAY
GROUP BY ALL
ORDER BY last_scored DESC NULLS LAST, m.model_id

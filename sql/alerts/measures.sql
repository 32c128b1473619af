-- name: measures
-- purpose: measures rule: the distance of a number beside the texts, such as hours of sleep, from the person's own past reaches its
--          limit. A limit is a z of the view measures_rolling; a limit below 0 means that less is worse. value = largest z / limit
--          of a measure, so 1 is at the limit for any measure
-- grain: one row per day with such a number, of the subjects who have scores of this model and ever reached a limit (`hit`);
--        `calm` = below calm_share of it. n = days with numbers in the 7 days, of all measures with a limit
-- frame: as measures_rolling
-- params: model_id, as_of, measure_names, measure_limits, calm_share
WITH limits AS (
    SELECT
        unnest(CAST($measure_names AS VARCHAR[])) AS name,
        unnest(CAST($measure_limits AS DOUBLE[])) AS "limit"
)
SELECT
    subject_id,
    day,
    min(first_day_7) AS evidence_from,
    CAST(sum(n_days_7) AS INTEGER) AS n,
    round(greatest(0, max(z / "limit")), 9) AS value,
    coalesce(max(z / "limit") >= 1, false) AS hit,
    coalesce(max(z / "limit") < $calm_share, false) AS calm
FROM measures_rolling
JOIN limits USING (name)
SEMI JOIN (FROM daily_cells WHERE model_id = $model_id) USING (subject_id)
WHERE day <= CAST($as_of AS DATE)
GROUP BY subject_id, day
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

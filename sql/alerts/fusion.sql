-- name: fusion
-- purpose: fusion rule: texts and numbers together are far from the person's own past. value = fused z of the view fusion_rolling,
--          with the weights of the settings
-- grain: one row per day with a text or a weighted number, of the subjects who ever reached the limit (`hit`); `calm` =
--        below calm_share of it. n = texts of the 7 days and days with numbers
-- frame: as fusion_rolling
-- params: model_id, as_of, signal, wander, fusion_names, fusion_weights, fusion_errors, calm_share
SELECT
    subject_id,
    day,
    day - 6 AS evidence_from,
    CAST(greatest(1, n + n_numbers) AS INTEGER) AS n,
    round(coalesce(z, 0), 9) AS value,
    coalesce(z >= $fusion_errors, false) AS hit,
    coalesce(z < $calm_share * $fusion_errors, false) AS calm
FROM fused_z($model_id, $signal, $wander, $fusion_names, $fusion_weights)
WHERE day <= CAST($as_of AS DATE)
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

-- name: add_model
-- purpose: record what a model_id stands for; an earlier record stays as it is
-- grain: at most one new row
-- frame: none
-- params: model_id, name, base, adapter, quantisation, prompt, temperature, exponent, sureness, risk_map, now
INSERT INTO models
VALUES (
    $model_id,
    $name,
    $base,
    $adapter,
    $quantisation,
    $prompt,
    $temperature,
    $risk_map,
    CAST($now AS TIMESTAMP),
    $exponent,
    $sureness
)
ON CONFLICT DO NOTHING

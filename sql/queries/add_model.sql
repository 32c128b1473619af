-- name: add_model
-- purpose: remember what stands behind a model_id; first_seen stays as it was
-- grain: at most one new row
-- frame: none
-- params: model_id, name, base, adapter, quantisation, prompt, temperature, exponent, risk_map, now
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
    $exponent
)
ON CONFLICT DO NOTHING

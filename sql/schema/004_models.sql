-- name: models
-- purpose: the parts of a model; model_id is the hash of weights, quantisation, adapter, prompt, calibration and risk map
-- grain: one row per model_id
-- frame: none
-- params: none
CREATE TABLE models (
    model_id VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    base VARCHAR NOT NULL,
    adapter VARCHAR,
    quantisation VARCHAR NOT NULL,
    prompt JSON NOT NULL,
    temperature DOUBLE NOT NULL,
    risk_map JSON NOT NULL,
    first_seen TIMESTAMP NOT NULL
)

-- name: model_exponent
-- purpose: the second number of a model's calibration, beside its temperature
-- grain: one value per row of models; 1 (temperature alone) for older models without an exponent
-- frame: none
-- params: none
ALTER TABLE models ADD COLUMN exponent DOUBLE DEFAULT 1

-- name: model_sureness
-- purpose: the third number of a model's calibration: by how much it lowers the temperature of texts that show a criterion
-- grain: one value per row of models; 0 (the same temperature for every text) for older models without a sureness
-- frame: none
-- params: none
ALTER TABLE models ADD COLUMN sureness DOUBLE DEFAULT 0

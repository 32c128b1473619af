-- name: add_calibration
-- purpose: store a calibration; the same labels of the same model replace an earlier one
-- grain: one row per calibration_id, added or overwritten
-- frame: none
-- params: calibration_id, model_id, signal, slope, intercept, n, n_yes, ece_before, ece_after, now
INSERT OR REPLACE INTO calibrations
SELECT $calibration_id, $model_id, $signal, $slope, $intercept, $n, $n_yes, $ece_before, $ece_after, CAST($now AS TIMESTAMP)

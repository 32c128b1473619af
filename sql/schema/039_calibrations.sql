-- name: calibrations
-- purpose: additional calibrations of a model's signal from a user's own labels, each under its own id beside the model's
--          scores, which stay as they are: p = 1 / (1 + exp(-(slope * logit(signal) + intercept))). calibrated_scores
--          applies them to the model that scored last
-- grain: calibrations: one row per calibration, calibration_id is the hash of model, signal and labels; calibrated_scores:
--        one row per score and calibration of its model
-- frame: none
-- params: none
CREATE TABLE calibrations (
    calibration_id VARCHAR PRIMARY KEY,
    model_id VARCHAR NOT NULL,
    signal VARCHAR NOT NULL CHECK (signal IN ('p_high', 'p_any', 'both')),
    slope DOUBLE NOT NULL CHECK (slope > 0),
    intercept DOUBLE NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 30),
    n_yes INTEGER NOT NULL,
    ece_before DOUBLE NOT NULL,
    ece_after DOUBLE NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE VIEW calibrated_scores AS
SELECT
    c.calibration_id,
    s.doc_id,
    s.subject_id,
    s.cohort,
    s.posted_at,
    s.day,
    c.signal,
    signal_of(c.signal, s.p_high, s.p_any) AS p_before,
    1 / (1 + exp(-(c.intercept + c.slope * ln(
        greatest(1e-6, least(1 - 1e-6, p_before)) / (1 - greatest(1e-6, least(1 - 1e-6, p_before)))
    )))) AS p
FROM latest_scores AS s
JOIN calibrations AS c USING (model_id)

-- name: evaluations
-- purpose: the metrics of a model on labelled texts, for each method at its last measurement, and those of the baselines
-- grain: one row per model, split, method and metric; value is null if the metric is undefined, and reason says why
-- frame: none
-- params: none
CREATE TABLE evaluations (
    model_id VARCHAR NOT NULL,
    split VARCHAR NOT NULL CHECK (split IN ('test', 'test_deduplicated')),
    method VARCHAR NOT NULL,
    metric VARCHAR NOT NULL,
    value DOUBLE,
    lo DOUBLE,
    hi DOUBLE,
    reason VARCHAR,
    n BIGINT NOT NULL,
    data VARCHAR NOT NULL,
    evaluated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (model_id, split, method, metric),
    CHECK ((value IS NULL) = (reason IS NOT NULL))
)

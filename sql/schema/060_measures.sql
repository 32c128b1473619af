-- name: measures
-- purpose: numbers beside the texts, such as hours of sleep or steps, from columns that a feed names; row and file say where
--          the number was read
-- grain: one row per subject, time (UTC) and name of a measure
-- frame: none
-- params: none
CREATE TABLE measures (
    subject_id VARCHAR NOT NULL CHECK (subject_id <> ''),
    measured_at TIMESTAMP NOT NULL,
    name VARCHAR NOT NULL CHECK (name <> ''),
    "value" DOUBLE NOT NULL CHECK (isfinite("value")),
    source VARCHAR,
    file VARCHAR NOT NULL,
    "row" BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    ingested_at TIMESTAMP NOT NULL,
    PRIMARY KEY (subject_id, measured_at, name)
)

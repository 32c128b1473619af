-- name: runs
-- purpose: the ledger; a run's counts grow in the same transaction as the rows they count; findings is a JSON list
-- grain: one row per run of a job; valid rows are n_read - n_rejected, of which n_duplicate were already stored
-- frame: none
-- params: none
CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY,
    job VARCHAR NOT NULL,
    started_at TIMESTAMP NOT NULL,
    finished_at TIMESTAMP,
    status VARCHAR NOT NULL CHECK (status IN ('running', 'done', 'stopped', 'failed')),
    model_id VARCHAR,
    n_files BIGINT NOT NULL DEFAULT 0,
    n_refused_files BIGINT NOT NULL DEFAULT 0,
    n_read BIGINT NOT NULL DEFAULT 0,
    n_rejected BIGINT NOT NULL DEFAULT 0,
    n_duplicate BIGINT NOT NULL DEFAULT 0,
    n_appended BIGINT NOT NULL DEFAULT 0,
    n_scored BIGINT NOT NULL DEFAULT 0,
    quality VARCHAR CHECK (quality IN ('green', 'yellow', 'red')),
    findings VARCHAR,
    message VARCHAR
)

-- name: rejects
-- purpose: every row that was read and not accepted, with its place, the reason and the start of what it held
-- grain: one row per file, row, reason and content; row is null where the whole file was refused, and raw its SHA-256
-- frame: none
-- params: none
CREATE TABLE rejects (
    reject_id VARCHAR PRIMARY KEY,
    file VARCHAR NOT NULL,
    "row" BIGINT,
    "column" VARCHAR,
    reason VARCHAR NOT NULL,
    raw VARCHAR,
    run_id VARCHAR NOT NULL,
    rejected_at TIMESTAMP NOT NULL
)

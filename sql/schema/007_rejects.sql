-- name: rejects
-- purpose: every row that was read but not accepted, with its file and row number, the reason, and the start of its content
-- grain: one row per file, row, reason and content; for a refused file, row is null and raw is the file's SHA-256
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

-- name: schema_version
-- purpose: which files of sql/schema this database has; also the mark by which the project knows its own databases
-- grain: one row per applied file
-- frame: none
-- params: none
CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    applied_at TIMESTAMP NOT NULL
)

-- name: schema_version
-- purpose: the files of sql/schema that this database has; the table also marks a database as one of this project
-- grain: one row per applied file
-- frame: none
-- params: none
CREATE TABLE schema_version (
    version INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    applied_at TIMESTAMP NOT NULL
)

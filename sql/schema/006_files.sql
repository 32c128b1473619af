-- name: files
-- purpose: the manifest: input files that were read, to their end or as far as they can be read
-- grain: one row per path and content
-- frame: none
-- params: none
CREATE TABLE files (
    path VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    size BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    ingested_at TIMESTAMP NOT NULL,
    PRIMARY KEY (path, sha256)
)

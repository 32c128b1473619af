-- name: documents
-- purpose: every accepted text, once; posted_at and ingested_at are UTC; run_id is the run that appended it
-- grain: one row per doc_id
-- frame: none
-- params: none
CREATE TABLE documents (
    doc_id VARCHAR PRIMARY KEY CHECK (doc_id <> ''),
    subject_id VARCHAR NOT NULL CHECK (subject_id <> ''),
    posted_at TIMESTAMP NOT NULL,
    text VARCHAR,
    source VARCHAR,
    run_id VARCHAR NOT NULL,
    ingested_at TIMESTAMP NOT NULL
)

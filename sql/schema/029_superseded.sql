-- name: superseded
-- purpose: versions of documents that a later row replaced (on_change = "replace"), and their scores. No window, alert or view
--          contains them, because these read `documents` and `scores`, which have only the last versions. n_raised: matches of the
--          crisis list that this version raised. Further columns tell new rows from known ones: n_replaced of a run;
--          n_known_rejects of a run, whose rows an earlier run has rejected; content_id of a reject, a hash of the row's content
--          (keyed if ids are pseudonyms), NULL if the content is too short to recognise it
-- grain: one row per doc_id and version (1 is the first); superseded_scores: also per model_id
-- frame: none
-- params: none
CREATE TABLE superseded_documents (
    doc_id VARCHAR NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    subject_id VARCHAR NOT NULL,
    posted_at TIMESTAMP NOT NULL,
    text VARCHAR,
    source VARCHAR,
    given_id VARCHAR,
    n_raised INTEGER NOT NULL,
    run_id VARCHAR NOT NULL,
    ingested_at TIMESTAMP NOT NULL,
    superseded_by VARCHAR NOT NULL,
    superseded_at TIMESTAMP NOT NULL,
    PRIMARY KEY (doc_id, version)
);
CREATE TABLE superseded_scores (
    doc_id VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    model_id VARCHAR NOT NULL,
    emotion VARCHAR NOT NULL,
    risk VARCHAR NOT NULL,
    p_low DOUBLE NOT NULL,
    p_mid DOUBLE NOT NULL,
    p_high DOUBLE NOT NULL,
    p_any DOUBLE,
    criteria VARCHAR,
    run_id VARCHAR NOT NULL,
    scored_at TIMESTAMP NOT NULL,
    PRIMARY KEY (doc_id, version, model_id)
);
ALTER TABLE runs ADD COLUMN n_replaced BIGINT DEFAULT 0;
ALTER TABLE runs ADD COLUMN n_known_rejects BIGINT DEFAULT 0;
ALTER TABLE rejects ADD COLUMN content_id VARCHAR

-- name: scores
-- purpose: the scores of a document by a model; a new model adds rows and overwrites none. Subject, cohort (the source; 'unnamed'
--          without one) and time are copied from `documents`, so that windows over a hundred million scores need no join
-- grain: one row per doc_id and model_id
-- frame: none
-- params: none
CREATE TABLE scores (
    doc_id VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    subject_id VARCHAR NOT NULL,
    cohort VARCHAR NOT NULL,
    posted_at TIMESTAMP NOT NULL,
    emotion VARCHAR NOT NULL CHECK (emotion IN ('sadness', 'joy', 'love', 'anger', 'fear', 'surprise')),
    risk VARCHAR NOT NULL CHECK (risk IN ('low_risk', 'mid_risk', 'high_risk')),
    p_sadness DOUBLE NOT NULL CHECK (p_sadness BETWEEN 0 AND 1),
    p_joy DOUBLE NOT NULL CHECK (p_joy BETWEEN 0 AND 1),
    p_love DOUBLE NOT NULL CHECK (p_love BETWEEN 0 AND 1),
    p_anger DOUBLE NOT NULL CHECK (p_anger BETWEEN 0 AND 1),
    p_fear DOUBLE NOT NULL CHECK (p_fear BETWEEN 0 AND 1),
    p_surprise DOUBLE NOT NULL CHECK (p_surprise BETWEEN 0 AND 1),
    p_low DOUBLE NOT NULL CHECK (p_low BETWEEN 0 AND 1),
    p_mid DOUBLE NOT NULL CHECK (p_mid BETWEEN 0 AND 1),
    p_high DOUBLE NOT NULL CHECK (p_high BETWEEN 0 AND 1),
    confidence DOUBLE NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    n_tokens INTEGER NOT NULL CHECK (n_tokens >= 0),
    truncated BOOLEAN NOT NULL,
    run_id VARCHAR NOT NULL,
    scored_at TIMESTAMP NOT NULL,
    PRIMARY KEY (doc_id, model_id)
)

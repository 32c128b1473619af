-- name: pieces
-- purpose: the scores of each piece of a text that a model read in several pieces; the row of `scores` combines them (emotions:
--          means weighted by tokens; the others: maxima)
-- grain: one row per document of more than one piece, model and piece, numbered from 1; first and last count characters
--        from 0, last exclusive
-- frame: none
-- params: none
CREATE TABLE pieces (
    doc_id VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    piece INTEGER NOT NULL CHECK (piece >= 1),
    "first" INTEGER NOT NULL CHECK ("first" >= 0),
    "last" INTEGER NOT NULL CHECK ("last" > "first"),
    n_tokens INTEGER NOT NULL CHECK (n_tokens >= 0),
    p_sadness DOUBLE NOT NULL CHECK (p_sadness BETWEEN 0 AND 1),
    p_joy DOUBLE NOT NULL CHECK (p_joy BETWEEN 0 AND 1),
    p_love DOUBLE NOT NULL CHECK (p_love BETWEEN 0 AND 1),
    p_anger DOUBLE NOT NULL CHECK (p_anger BETWEEN 0 AND 1),
    p_fear DOUBLE NOT NULL CHECK (p_fear BETWEEN 0 AND 1),
    p_surprise DOUBLE NOT NULL CHECK (p_surprise BETWEEN 0 AND 1),
    p_high DOUBLE NOT NULL CHECK (p_high BETWEEN 0 AND 1),
    s_mood DOUBLE,
    s_hopeless DOUBLE,
    s_interest DOUBLE,
    s_worth DOUBLE,
    s_suicidal DOUBLE,
    s_psychomotor DOUBLE,
    s_concentration DOUBLE,
    s_energy DOUBLE,
    s_sleep DOUBLE,
    s_appetite DOUBLE,
    s_irritable DOUBLE,
    p_any DOUBLE,
    PRIMARY KEY (doc_id, model_id, piece)
)

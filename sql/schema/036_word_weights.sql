-- name: word_weights
-- purpose: explanations of the texts behind alerts: what each word adds to the log-odds of high risk, and of the criterion that was
--          found in the passage (NULL: none), measured by leaving words out. The table has positions of words, but no words
-- grain: one row per document behind an alert, model and word of the passage that was weighed; first and last count
--        characters from 0, last exclusive
-- frame: none
-- params: none
CREATE TABLE word_weights (
    doc_id VARCHAR NOT NULL,
    model_id VARCHAR NOT NULL,
    "first" INTEGER NOT NULL CHECK ("first" >= 0),
    "last" INTEGER NOT NULL CHECK ("last" > "first"),
    adds_high DOUBLE NOT NULL,
    criterion VARCHAR,
    adds_criterion DOUBLE,
    PRIMARY KEY (doc_id, model_id, "first")
)

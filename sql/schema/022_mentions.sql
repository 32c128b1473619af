-- name: mentions
-- purpose: crisis wording in texts: each match of the phrase list, with its position. Matches with state `held` were not raised;
--          `rule` gives the reason (a negation, another person, a quotation, an idiom)
-- grain: one row per document, phrase and first character; first and last count characters from 0, last exclusive
-- frame: none
-- params: none
CREATE TABLE mentions (
    doc_id VARCHAR NOT NULL,
    subject_id VARCHAR NOT NULL,
    posted_at TIMESTAMP NOT NULL,
    phrase VARCHAR NOT NULL,
    criterion VARCHAR NOT NULL,
    "first" INTEGER NOT NULL CHECK ("first" >= 0),
    "last" INTEGER NOT NULL CHECK ("last" > "first"),
    state VARCHAR NOT NULL CHECK (state IN ('raised', 'held')),
    rule VARCHAR,
    list_id VARCHAR NOT NULL,
    run_id VARCHAR NOT NULL,
    PRIMARY KEY (doc_id, phrase, "first")
)

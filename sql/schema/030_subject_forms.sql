-- name: subject_forms
-- purpose: what ids of subjects share that differ only by case, accents, `.0`, spaces or leading zeros (as a pseudonym where
--          ids are pseudonyms), so that a night and `forget` find look-alikes
-- grain: one row per subject who was read since there is this table
-- frame: none
-- params: none
CREATE TABLE subject_forms (
    subject_id VARCHAR PRIMARY KEY,
    form VARCHAR NOT NULL
)

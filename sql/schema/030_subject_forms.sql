-- name: subject_forms
-- purpose: the form shared by ids of subjects that differ only by case, accents, `.0`, spaces or leading zeros, by which a night
--          and `forget` find look-alikes; it is a pseudonym if ids are pseudonyms
-- grain: one row per subject who was read since this table exists
-- frame: none
-- params: none
CREATE TABLE subject_forms (
    subject_id VARCHAR PRIMARY KEY,
    form VARCHAR NOT NULL
)

-- name: pseudonyms
-- purpose: the fingerprint of the key that made this database's ids, or `plain` where they are kept as they came
-- grain: one row, once anything was read
-- frame: none
-- params: none
CREATE TABLE pseudonyms (
    fingerprint VARCHAR PRIMARY KEY,
    since TIMESTAMP NOT NULL
)

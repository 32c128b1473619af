-- name: pseudonyms
-- purpose: the fingerprint of the key that made this database's ids, or `plain` if ids are stored as given
-- grain: one row after the first run, none before
-- frame: none
-- params: none
CREATE TABLE pseudonyms (
    fingerprint VARCHAR PRIMARY KEY,
    since TIMESTAMP NOT NULL
)

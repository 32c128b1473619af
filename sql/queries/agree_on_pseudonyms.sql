-- name: agree_on_pseudonyms
-- purpose: record the fingerprint of the key of this database's ids, unless one is recorded
-- grain: at most one new row
-- frame: none
-- params: fingerprint, now
INSERT INTO pseudonyms
SELECT $fingerprint, CAST($now AS TIMESTAMP)
WHERE NOT EXISTS (FROM pseudonyms)

-- name: agree_on_pseudonyms
-- purpose: remember the first fingerprint that this database's ids are made with
-- grain: at most one new row
-- frame: none
-- params: fingerprint, now
INSERT INTO pseudonyms
SELECT $fingerprint, CAST($now AS TIMESTAMP)
WHERE NOT EXISTS (FROM pseudonyms)

-- name: accept_clock
-- purpose: record a time that retention accepted
-- grain: the row of this time's day, added or overwritten
-- frame: none
-- params: now
INSERT OR REPLACE INTO retention_checks
VALUES (CAST(CAST($now AS TIMESTAMP) AS DATE), CAST($now AS TIMESTAMP))

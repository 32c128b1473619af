-- name: log_access
-- purpose: record that somebody looked up the names of people
-- grain: one new row
-- frame: none
-- params: now, by, command, code, n_people
INSERT INTO access_log BY NAME
SELECT
    CAST($now AS TIMESTAMP) AS "at",
    $by AS "by",
    $command AS command,
    CAST($code AS VARCHAR) AS code,
    CAST($n_people AS INTEGER) AS n_people

-- name: retention_checks
-- purpose: the accepted times of the clock by which retention judged the age of texts; a later run compares its own clock with the
--          last of them before it removes a text
-- grain: one row per day on which retention ran
-- frame: none
-- params: none
CREATE TABLE retention_checks (
    day DATE PRIMARY KEY,
    checked_at TIMESTAMP NOT NULL
)

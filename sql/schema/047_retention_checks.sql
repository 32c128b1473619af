-- name: retention_checks
-- purpose: when retention last compared the age of texts with a clock that was accepted; a later run compares its own
--          clock with this time before it removes a text
-- grain: one row per day on which retention ran
-- frame: none
-- params: none
CREATE TABLE retention_checks (
    day DATE PRIMARY KEY,
    checked_at TIMESTAMP NOT NULL
)

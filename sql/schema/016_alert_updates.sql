-- name: alert_updates
-- purpose: the time up to which the rules of sql/alerts have read scores; if there are newer scores, a missing alert proves nothing
-- grain: one row per model_id whose alerts were ever brought up to date; scored_until is null if nothing was scored
-- frame: none
-- params: none
CREATE TABLE alert_updates (
    model_id VARCHAR PRIMARY KEY,
    scored_until TIMESTAMP,
    run_id VARCHAR NOT NULL
)

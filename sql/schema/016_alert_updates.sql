-- name: alert_updates
-- purpose: how far the rules of sql/alerts have looked: where scores are newer, that no alert is open says nothing
-- grain: one row per model_id whose alerts were ever brought up to date; scored_until is null where nothing was scored
-- frame: none
-- params: none
CREATE TABLE alert_updates (
    model_id VARCHAR PRIMARY KEY,
    scored_until TIMESTAMP,
    run_id VARCHAR NOT NULL
)

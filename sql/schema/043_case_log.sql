-- name: case_log
-- purpose: actions of people about alerts: who saw an alert, when, its outcome (NULL: seen only), and a note
-- grain: one row per event of an alert
-- frame: none
-- params: none
CREATE TABLE case_log (
    alert_id VARCHAR NOT NULL,
    "at" TIMESTAMP NOT NULL,
    "by" VARCHAR,
    outcome VARCHAR CHECK (outcome IN ('contacted', 'false_alarm', 'known', 'referred')),
    note VARCHAR,
    PRIMARY KEY (alert_id, "at")
)

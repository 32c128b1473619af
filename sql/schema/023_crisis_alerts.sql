-- name: crisis_alerts
-- purpose: alerts of the rule `crisis` are allowed; a CHECK cannot be changed in place, so the table is made anew.
--          schema/062 makes this table anew
-- grain: as alerts
-- frame: none
-- params: none
CREATE TABLE new_alerts (
    alert_id VARCHAR PRIMARY KEY,
    model_id VARCHAR NOT NULL,
    subject_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL CHECK (rule IN ('level', 'change', 'sustained', 'crisis')),
    opened_on DATE NOT NULL,
    evidence_from DATE NOT NULL,
    evidence_to DATE NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 1),
    value DOUBLE NOT NULL,
    threshold DOUBLE NOT NULL,
    state VARCHAR NOT NULL CHECK (state IN ('open', 'acknowledged', 'closed')),
    closed_on DATE,
    closed_because VARCHAR CHECK (closed_because IN ('calm again', 'silent', 'withdrawn')),
    state_changed_at TIMESTAMP NOT NULL,
    run_id VARCHAR NOT NULL,
    raised_at TIMESTAMP NOT NULL,
    told_at TIMESTAMP,
    CHECK ((state = 'closed') = (closed_because IS NOT NULL))
);
INSERT INTO new_alerts BY NAME FROM alerts;
DROP TABLE alerts;
ALTER TABLE new_alerts RENAME TO alerts

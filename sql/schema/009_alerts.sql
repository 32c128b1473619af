-- name: alerts
-- purpose: every episode that a rule of sql/alerts raised: its evidence, its state, and the time of a notification (null: none was
--          sent).
--          schema/062 makes this table anew
-- grain: one row per model_id, subject_id, rule and first day of the episode; alert_id is the hash of the four
-- frame: none
-- params: none
CREATE TABLE alerts (
    alert_id VARCHAR PRIMARY KEY,
    model_id VARCHAR NOT NULL,
    subject_id VARCHAR NOT NULL,
    rule VARCHAR NOT NULL CHECK (rule IN ('level', 'change', 'sustained')),
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
)

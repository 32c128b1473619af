-- name: acknowledge
-- purpose: record that somebody has seen an open alert
-- grain: the row of this alert
-- frame: none
-- params: alert_id, now
UPDATE alerts
SET state = 'acknowledged', state_changed_at = CAST($now AS TIMESTAMP)
WHERE alert_id = $alert_id AND state = 'open'

-- name: write_alerts
-- purpose: write the changes that sql/alerts/reconcile.sql returned (the frame `changes`)
-- grain: one row per alert_id, added or overwritten
-- frame: none
-- params: none
INSERT OR REPLACE INTO alerts BY NAME
SELECT * EXCLUDE (old_state, earlier_ids) FROM changes

-- name: write_alerts
-- purpose: keep what sql/alerts/reconcile.sql found changed (the frame `changes`)
-- grain: one row per alert_id, added or overwritten
-- frame: none
-- params: none
INSERT OR REPLACE INTO alerts BY NAME
SELECT * EXCLUDE (old_state) FROM changes

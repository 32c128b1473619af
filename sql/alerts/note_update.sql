-- name: note_update
-- purpose: record that the rules have read every score that a model has now
-- grain: the row of this model, added or overwritten
-- frame: none
-- params: model_id, run_id
INSERT OR REPLACE INTO alert_updates
SELECT $model_id, max(scored_at), $run_id FROM scores WHERE model_id = $model_id

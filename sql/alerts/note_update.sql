-- name: note_update
-- purpose: record that the rules have read every score that a model has now, and the limits that `subjects_now` needs
-- grain: the row of this model, added or overwritten
-- frame: none
-- params: model_id, run_id, signal, threshold, min_texts
INSERT OR REPLACE INTO alert_updates (model_id, scored_until, run_id, signal, threshold, min_texts)
SELECT $model_id, max(scored_at), $run_id, $signal, $threshold, $min_texts FROM scores WHERE model_id = $model_id

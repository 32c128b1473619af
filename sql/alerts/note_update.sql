-- name: note_update
-- purpose: record that the rules have read every score that a model has now, and what `subjects_now` and `fusion_rolling` need
--          of the settings
-- grain: the row of this model, added or overwritten
-- frame: none
-- params: model_id, run_id, signal, threshold, min_texts, wander, fusion_names, fusion_weights
INSERT OR REPLACE INTO alert_updates (
    model_id, scored_until, run_id, signal, threshold, min_texts, wander, fusion_names, fusion_weights
)
SELECT $model_id, max(scored_at), $run_id, $signal, $threshold, $min_texts, $wander, $fusion_names, $fusion_weights
FROM scores WHERE model_id = $model_id

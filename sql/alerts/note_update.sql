-- name: note_update
-- purpose: record that the rules have read every present score of a model, the last day that they read, and the settings that the
--          views subjects_now and fusion_rolling use
-- grain: the row of this model, added or overwritten
-- frame: none
-- params: model_id, as_of, run_id, signal, threshold, min_texts, wander, fusion_names, fusion_weights
INSERT OR REPLACE INTO alert_updates (
    model_id, scored_until, as_of, run_id, signal, threshold, min_texts, wander, fusion_names, fusion_weights
)
SELECT
    $model_id,
    max(scored_at),
    CAST($as_of AS DATE),
    $run_id,
    $signal,
    $threshold,
    $min_texts,
    $wander,
    $fusion_names,
    $fusion_weights
FROM scores WHERE model_id = $model_id

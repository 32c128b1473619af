-- name: days
-- purpose: the days on which each of these people wrote, for the strips of signs
-- grain: one row per subject and UTC calendar day with at least one scored text
-- frame: `days` calendar days ending on and including as_of
-- params: model_id, as_of, days, subjects
SELECT DISTINCT subject_id, day
FROM daily_cells
WHERE
    model_id = $model_id
    AND day <= CAST($as_of AS DATE)
    AND day > CAST($as_of AS DATE) - CAST($days AS INTEGER)
    AND list_contains(CAST($subjects AS VARCHAR[]), subject_id)
ORDER BY subject_id, day

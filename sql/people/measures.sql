-- name: measures
-- purpose: each person's numbers beside the texts, such as hours of sleep, for the charts below the course
-- grain: one row per subject, measure and UTC calendar day with a number; columns as in the view measures_rolling; median_past is
--        NULL if the past has too few days
-- frame: `days` calendar days ending on and including as_of
-- params: as_of, days
SELECT subject_id, name, day, "value", median_7, CASE WHEN z IS NOT NULL THEN median_past END AS median_past, z
FROM measures_rolling
WHERE day <= CAST($as_of AS DATE) AND day > CAST($as_of AS DATE) - CAST($days AS INTEGER)
ORDER BY subject_id, name, day

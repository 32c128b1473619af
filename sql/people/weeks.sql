-- name: weeks
-- purpose: the small curve of each of these people: the mean P(high) of their texts, week by week back from as_of (week 0 is the last)
-- grain: one row per subject and week with at least one scored text
-- frame: `weeks` times 7 calendar days ending on and including as_of
-- params: model_id, as_of, weeks, subjects
SELECT
    subject_id,
    CAST((CAST($as_of AS DATE) - day) // 7 AS INTEGER) AS week,
    CAST(sum(n) AS BIGINT) AS n,
    sum(high) / sum(n) AS p_high
FROM daily_cells
WHERE
    model_id = $model_id
    AND day <= CAST($as_of AS DATE)
    AND day > CAST($as_of AS DATE) - 7 * CAST($weeks AS INTEGER)
    AND list_contains(CAST($subjects AS VARCHAR[]), subject_id)
GROUP BY subject_id, week
ORDER BY subject_id, week

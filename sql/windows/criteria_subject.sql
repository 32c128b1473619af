-- name: criteria_subject
-- purpose: the criteria that a subject's texts showed on each of the last days: one strip per criterion in the report
-- grain: one row per subject, criterion and UTC calendar day with a text that showed it; n_shown of the day's n texts
-- frame: `days` calendar days ending on and including as_of
-- params: model_id, as_of, days
WITH texts AS (
    SELECT subject_id, CAST(posted_at AS DATE) AS day, string_split(criteria, ',') AS shown
    FROM scores
    WHERE model_id = $model_id
      AND criteria IS NOT NULL
      AND posted_at >= CAST($as_of AS DATE) - CAST($days AS INTEGER) + 1
      AND posted_at < CAST($as_of AS DATE) + 1
),
days AS (SELECT subject_id, day, count(*) AS n FROM texts GROUP BY ALL)
SELECT subject_id, criterion, day, count(*) AS n_shown, any_value(n) AS n
FROM (SELECT subject_id, day, unnest(shown) AS criterion FROM texts)
JOIN days USING (subject_id, day)
WHERE criterion <> ''
GROUP BY ALL
ORDER BY subject_id, criterion, day

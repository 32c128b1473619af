-- name: people_left_out
-- purpose: the number of people about whom a report of some cohorts and a report of everyone tell together
-- grain: one row
-- frame: texts of the other cohorts, of `days` days up to the last text that was posted up to and including the day of until
-- params: cohorts, until, days
WITH texts AS (
    SELECT subject_id, cohort, posted_at
    FROM scores
    WHERE posted_at < CAST($until AS DATE) + 1
)
SELECT count(DISTINCT subject_id) AS n
FROM texts
WHERE NOT list_contains(CAST($cohorts AS VARCHAR[]), cohort)
  AND posted_at >= (SELECT max(posted_at) FROM texts) - to_days(CAST($days AS INTEGER))

-- name: crisis
-- purpose: crisis rule: a text holds wording of the crisis list that was raised, or P(suicidal) is at or above the rule's limit.
--          One such text is enough, and nothing is averaged. value = how many such texts the day has
-- grain: one row per day with texts, of the subjects who ever had such a text (`hit`); `calm` = a day without one
-- frame: the calendar day
-- params: model_id, as_of, suicidal_limit
WITH texts AS (
    SELECT
        subject_id,
        CAST(posted_at AS DATE) AS day,
        coalesce(s_suicidal >= $suicidal_limit, false)
        OR EXISTS (FROM mentions AS m WHERE m.doc_id = s.doc_id AND m.state = 'raised') AS crisis
    FROM scores AS s
    WHERE model_id = $model_id AND posted_at < CAST($as_of AS DATE) + 1
)
SELECT
    subject_id,
    day,
    day AS evidence_from,
    CAST(greatest(1, count(*) FILTER (crisis)) AS INTEGER) AS n,
    CAST(count(*) FILTER (crisis) AS DOUBLE) AS value,
    bool_or(crisis) AS hit,
    NOT bool_or(crisis) AS calm
FROM texts
GROUP BY subject_id, day
QUALIFY bool_or(hit) OVER (PARTITION BY subject_id)

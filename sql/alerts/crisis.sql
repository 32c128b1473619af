-- name: crisis
-- purpose: crisis rule: one text that the macro crisis_texts selects is enough, and nothing is averaged. value = number of such
--          texts on the day. A text that is dated later than the day on which it was scored counts on the latter
-- grain: one row per day with texts, of the subjects who ever had such a text (`hit`); `calm` = a day without one
-- frame: the calendar day
-- params: model_id, as_of, suicidal_limit
SELECT
    s.subject_id,
    coalesce(c.counted_on, CAST(s.posted_at AS DATE)) AS day,
    day AS evidence_from,
    CAST(greatest(1, count(c.doc_id)) AS INTEGER) AS n,
    CAST(count(c.doc_id) AS DOUBLE) AS value,
    count(c.doc_id) > 0 AS hit,
    NOT hit AS calm
FROM scores AS s
LEFT JOIN crisis_texts($model_id, $as_of, $suicidal_limit) AS c USING (doc_id)
WHERE s.model_id = $model_id AND (s.posted_at < CAST($as_of AS DATE) + 1 OR c.doc_id IS NOT NULL)
GROUP BY s.subject_id, day
QUALIFY bool_or(hit) OVER (PARTITION BY s.subject_id)

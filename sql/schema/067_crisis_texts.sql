-- name: crisis_texts
-- purpose: the texts that raise a crisis alert: they hold wording of the crisis list that was raised, or P(suicidal) is at or
--          above the rule's limit. known_at = when the text was scored. Of a text that was scored before the day of its
--          time, as a phone with a wrong clock writes it, known_at is the beginning of that day: nobody was told of it before
-- grain: one row per such text of this model
-- frame: posted up to and including the day `until`
-- params: none
CREATE MACRO crisis_texts(model, until, suicidal_limit) AS TABLE
SELECT doc_id, subject_id, posted_at, greatest(scored_at, CAST(posted_at AS DATE)) AS known_at
FROM scores AS s
WHERE
    model_id = model
    AND posted_at < CAST(until AS DATE) + 1
    AND (
        coalesce(s_suicidal >= suicidal_limit, false)
        OR EXISTS (FROM mentions AS m WHERE m.doc_id = s.doc_id AND m.state = 'raised')
    )

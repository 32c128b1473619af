-- name: crisis_texts
-- purpose: the texts that raise a crisis alert: they hold wording of the crisis list that was raised, or P(suicidal) is at or
--          above the rule's limit. known_at = when the text was scored. A phone with a wrong clock may give a text a time after its
--          score. known_at of such a text is the start of the first run from that later day on, because no earlier run notified
--          anybody of it; without such a run it is the beginning of that day.
--          schema/070 replaces this macro
-- grain: one row per such text of this model
-- frame: posted up to and including the day `until`
-- params: none
CREATE MACRO crisis_texts(model, until, suicidal_limit) AS TABLE
SELECT
    doc_id,
    subject_id,
    posted_at,
    CASE
        WHEN scored_at >= CAST(posted_at AS DATE) THEN scored_at
        ELSE coalesce(
            (SELECT min(started_at) FROM runs AS r WHERE r.started_at >= CAST(s.posted_at AS DATE)), CAST(posted_at AS DATE)
        )
    END AS known_at
FROM scores AS s
WHERE
    model_id = model
    AND posted_at < CAST(until AS DATE) + 1
    AND (
        coalesce(s_suicidal >= suicidal_limit, false)
        OR EXISTS (FROM mentions AS m WHERE m.doc_id = s.doc_id AND m.state = 'raised')
    )

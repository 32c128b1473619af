-- name: crisis_texts_that_are_sad
-- purpose: the macro crisis_texts: the texts that raise a crisis alert. They hold wording of the
--          crisis list that was raised, or the macro reads_as_crisis selects them. known_at = when the text was scored. Of a text that was scored before the day of its
--          time, as a phone with a wrong clock writes it, known_at is the start of the first run from that day on, because no
--          earlier run notified anybody of it. Without such a run it is the beginning of that day.
--          schema/074 replaces this macro
-- grain: one row per such text of this model
-- frame: posted up to and including the day `until`
-- params: none
CREATE OR REPLACE MACRO crisis_texts(model, until, suicidal_limit) AS TABLE
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
        reads_as_crisis(s_suicidal, p_high, peak_high, suicidal_limit)
        OR EXISTS (FROM mentions AS m WHERE m.doc_id = s.doc_id AND m.state = 'raised')
    )

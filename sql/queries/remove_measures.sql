-- name: remove_measures
-- purpose: remove the numbers of the stored documents whose time the frame `incoming` is about to correct: otherwise they would
--          also stay at the old time. If the time is the same, a new number replaces the old one. A time that another document
--          of the subject keeps keeps its numbers, because nothing tells whose they are
-- grain: the rows of these subjects and times
-- frame: none
-- params: none
WITH moved AS (
    SELECT d.doc_id, d.subject_id, d.posted_at
    FROM documents AS d
    INNER JOIN incoming AS i USING (doc_id)
    WHERE d.posted_at <> i.posted_at
)
DELETE FROM measures AS m
USING moved AS d
WHERE
    d.subject_id = m.subject_id
    AND d.posted_at = m.measured_at
    AND NOT EXISTS (
        FROM documents AS o
        ANTI JOIN moved USING (doc_id)
        WHERE o.subject_id = m.subject_id AND o.posted_at = m.measured_at
    )

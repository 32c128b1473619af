-- name: corrected_times
-- purpose: the times of the versions in the frame `incoming` whose document has another time now: the numbers beside the text have
--          that time, too. A time at which the subject has another document is left out
-- grain: one row per subject and time
-- frame: none
-- params: none
SELECT DISTINCT i.subject_id, i.posted_at
FROM incoming AS i
INNER JOIN documents AS d USING (doc_id)
WHERE
    d.posted_at <> i.posted_at
    AND NOT EXISTS (FROM documents AS o WHERE o.subject_id = i.subject_id AND o.posted_at = i.posted_at)

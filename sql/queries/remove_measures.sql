-- name: remove_measures
-- purpose: remove the numbers of the stored documents that the frame `incoming` is about to replace: a row whose time is
--          corrected would otherwise leave its numbers at the old time, too
-- grain: the rows of these subjects and times
-- frame: none
-- params: none
DELETE FROM measures AS m
USING (SELECT d.subject_id, d.posted_at FROM documents AS d SEMI JOIN incoming USING (doc_id)) AS d
WHERE d.subject_id = m.subject_id AND d.posted_at = m.measured_at

-- name: conflicting_documents
-- purpose: incoming doc_ids that `documents` has with another subject, time or text; the stored document stays. A text
--          that retention has emptied cannot be compared
-- grain: one row per such doc_id of the frame `incoming`
-- frame: none
-- params: none
SELECT i.doc_id
FROM incoming AS i
INNER JOIN documents AS d USING (doc_id)
WHERE i.subject_id <> d.subject_id OR i.posted_at <> d.posted_at OR i.text <> d.text
ORDER BY i.doc_id

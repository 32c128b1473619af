-- name: stored_ids
-- purpose: incoming documents that were stored under the given doc_id itself, before doc_id was a hash with the subject
-- grain: one row per such document of the frame `incoming`
-- frame: none
-- params: none
SELECT i.doc_id, d.doc_id AS stored_id
FROM incoming AS i
INNER JOIN documents AS d ON d.doc_id = i.given_id AND d.subject_id = i.subject_id
WHERE d.given_id IS NULL

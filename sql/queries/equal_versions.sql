-- name: equal_versions
-- purpose: incoming documents that are stored under another doc_id, with the same subject, given_id, time and text; an emptied
--          text is taken for the same. If both versions of a document are kept, the doc_id of each depends on which was read first
-- grain: one row per such document of the frame `incoming`
-- frame: none
-- params: none
SELECT
    i.doc_id,
    d.doc_id AS stored_id
FROM incoming AS i
INNER JOIN documents AS d USING (subject_id, given_id, posted_at)
WHERE d.doc_id <> i.doc_id AND coalesce(d.text = i.text, true)
ORDER BY ALL

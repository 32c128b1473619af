-- name: known_versions
-- purpose: incoming documents that are a superseded version; an emptied text is taken for the same
-- grain: one row per such doc_id of the frame `incoming`
-- frame: none
-- params: none
SELECT DISTINCT i.doc_id
FROM incoming AS i
INNER JOIN superseded_documents AS s USING (doc_id, posted_at)
WHERE coalesce(s.text = i.text, true)

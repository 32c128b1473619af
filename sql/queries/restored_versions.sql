-- name: restored_versions
-- purpose: remove superseded versions that are documents again because of the frame `incoming`
-- grain: the rows of these versions
-- frame: none
-- params: none
DELETE FROM superseded_documents AS s
USING incoming AS i
WHERE s.doc_id = i.doc_id AND s.posted_at = i.posted_at AND s.text = i.text

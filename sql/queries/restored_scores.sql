-- name: restored_scores
-- purpose: remove scores of superseded versions of the frame `incoming` that are no longer superseded
-- grain: the rows of these versions
-- frame: none
-- params: none
DELETE FROM superseded_scores AS s
WHERE
    s.doc_id IN (SELECT doc_id FROM incoming)
    AND NOT EXISTS (FROM superseded_documents AS d WHERE d.doc_id = s.doc_id AND d.version = s.version)

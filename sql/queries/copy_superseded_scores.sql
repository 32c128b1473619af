-- name: copy_superseded_scores
-- purpose: copy the scores of superseded versions of the attached database `old`, of the versions that were copied
-- grain: one new row per score copied
-- frame: none
-- params: none
INSERT INTO superseded_scores BY NAME
FROM old.superseded_scores
SEMI JOIN superseded_documents USING (doc_id, version)

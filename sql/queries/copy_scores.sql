-- name: copy_scores
-- purpose: copy the scores of the attached database `old`, of the documents that were copied
-- grain: one new row per score copied
-- frame: none
-- params: none
INSERT INTO scores BY NAME
FROM old.scores
SEMI JOIN documents USING (doc_id)

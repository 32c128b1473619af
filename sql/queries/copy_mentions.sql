-- name: copy_mentions
-- purpose: copy the crisis wording of the attached database `old`, of the documents that were copied before
-- grain: one new row per mention kept
-- frame: none
-- params: none
INSERT INTO mentions BY NAME
FROM old.mentions
SEMI JOIN documents USING (doc_id)

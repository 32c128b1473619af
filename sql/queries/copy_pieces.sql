-- name: copy_pieces
-- purpose: copy the pieces of the attached database `old`, of the documents that were copied
-- grain: one new row per piece copied
-- frame: none
-- params: none
INSERT INTO pieces BY NAME
FROM old.pieces
SEMI JOIN documents USING (doc_id)

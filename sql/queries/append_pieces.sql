-- name: append_pieces
-- purpose: append the pieces of the frame `incoming` that are new, of documents that the database has
-- grain: one new row per doc_id, model_id and piece not seen before
-- frame: none
-- params: none
INSERT INTO pieces BY NAME
FROM incoming
SEMI JOIN documents USING (doc_id)
ANTI JOIN pieces USING (doc_id, model_id, piece)

-- name: append_word_weights
-- purpose: append the word weights of the frame `incoming` that are new, of documents that the database has
-- grain: one new row per doc_id, model_id and word not seen before
-- frame: none
-- params: none
INSERT INTO word_weights BY NAME
FROM incoming
SEMI JOIN documents USING (doc_id)
ANTI JOIN word_weights USING (doc_id, model_id, "first")

-- name: copy_word_weights
-- purpose: copy the word weights of the attached database `old`, of the documents that were copied
-- grain: one new row per word copied
-- frame: none
-- params: none
INSERT INTO word_weights BY NAME
FROM old.word_weights
SEMI JOIN documents USING (doc_id)

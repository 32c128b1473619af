-- name: given_ids
-- purpose: the doc_id that the file gave (a keyed hash of it where ids are pseudonyms). doc_id is a hash of it and the
--          subject, so that one person's document cannot take the place of another's. NULL: the file gave none, or the
--          row was stored before there was this column; then doc_id is the given one itself
-- grain: one value per row of documents
-- frame: none
-- params: none
ALTER TABLE documents ADD COLUMN given_id VARCHAR

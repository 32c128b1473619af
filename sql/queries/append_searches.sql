-- name: append_searches
-- purpose: record the list with which documents of the frame `searched` were searched for crisis wording, if no list is recorded
-- grain: one new row per document that the database has, without a row
-- frame: none
-- params: list_id
INSERT INTO crisis_searches BY NAME
SELECT DISTINCT doc_id, $list_id AS list_id
FROM searched
SEMI JOIN documents USING (doc_id)
ANTI JOIN crisis_searches USING (doc_id)

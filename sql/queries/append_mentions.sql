-- name: append_mentions
-- purpose: append the crisis wording of the frame `incoming` that is new, of documents that the database has and that no list was
--          searched for yet. A text that a run scores again keeps the mentions of the list that searched it
-- grain: one new row per document, phrase and place
-- frame: none
-- params: run_id
INSERT INTO mentions BY NAME
SELECT i.*, d.subject_id, d.posted_at, $run_id AS run_id
FROM incoming AS i
JOIN documents AS d USING (doc_id)
ANTI JOIN crisis_searches USING (doc_id)
ANTI JOIN mentions USING (doc_id, phrase, "first")

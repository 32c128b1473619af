-- name: add_scores
-- purpose: give each row of the frame `timelines` the scores (the frame source_scores) of the text in that place
-- grain: one new row of scores per row of timelines
-- frame: none
-- params: none
INSERT INTO scores BY NAME
SELECT s.* REPLACE (t.doc_id AS doc_id, t.timeline AS subject_id, t.posted_at AS posted_at)
FROM timelines AS t
JOIN source_scores AS s ON s.doc_id = t.source_doc_id

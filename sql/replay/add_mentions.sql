-- name: add_mentions
-- purpose: give each row of the frame `timelines` the crisis wording (the frame source_mentions) of the text in that
--          place
-- grain: one new row of mentions per row of timelines and passage
-- frame: none
-- params: none
INSERT INTO mentions BY NAME
SELECT m.* REPLACE (t.doc_id AS doc_id, t.timeline AS subject_id, t.posted_at AS posted_at)
FROM timelines AS t
JOIN source_mentions AS m ON m.doc_id = t.source_doc_id

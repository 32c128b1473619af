-- name: stored_again
-- purpose: the rows of the frame `incoming` that repeat the stored document of their doc_id; an emptied text is taken for the same
-- grain: one row per such row of the frame
-- frame: none
-- params: none
SELECT i."row"
FROM incoming AS i
INNER JOIN documents AS d USING (doc_id, subject_id, posted_at)
WHERE coalesce(i.text = d.text, true)
ORDER BY i."row"

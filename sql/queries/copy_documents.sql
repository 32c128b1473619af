-- name: copy_documents
-- purpose: copy the documents of the attached database `old`, without those of the subjects, and without texts taken in
--          before a time (null: all texts are copied)
-- grain: one new row per document copied
-- frame: none
-- params: subjects, before
INSERT INTO documents BY NAME
SELECT * REPLACE (CASE WHEN ingested_at < CAST($before AS TIMESTAMP) THEN NULL ELSE text END AS text)
FROM old.documents
WHERE NOT list_contains(CAST($subjects AS VARCHAR[]), subject_id)

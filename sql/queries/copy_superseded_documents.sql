-- name: copy_superseded_documents
-- purpose: copy the superseded versions of the attached database `old`, without those of the subjects, and without texts
--          taken in before a time (null: all texts are copied)
-- grain: one new row per version copied
-- frame: none
-- params: subjects, before
INSERT INTO superseded_documents BY NAME
SELECT * REPLACE (CASE WHEN ingested_at < CAST($before AS TIMESTAMP) THEN NULL ELSE text END AS text)
FROM old.superseded_documents
WHERE NOT list_contains(CAST($subjects AS VARCHAR[]), subject_id)

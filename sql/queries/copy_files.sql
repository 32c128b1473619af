-- name: copy_files
-- purpose: copy the manifest of the attached database `old`; a path that holds a subject's id as a word is replaced by
--          the start of the content's hash, so that the next run still recognises the file
-- grain: one new row per name and content
-- frame: none
-- params: names
INSERT INTO files BY NAME
SELECT * REPLACE (CASE WHEN regexp_matches(path, $names) THEN 'forgotten-' || left(sha256, 12) ELSE path END AS path)
FROM old.files
ON CONFLICT DO NOTHING

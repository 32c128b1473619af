-- name: keep_files
-- purpose: copy the manifest of the attached database `old`, without paths that hold a subject's id as a word
-- grain: one new row per file kept
-- frame: none
-- params: names
INSERT INTO files BY NAME
FROM old.files
WHERE NOT coalesce(regexp_matches(path, $names), FALSE)

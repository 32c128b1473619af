-- name: count_file_names
-- purpose: how many names of files in the attached database `old` hold a subject's id as a word
-- grain: one row
-- frame: none
-- params: names
SELECT count(*)
FROM (SELECT path FROM old.files UNION SELECT file FROM old.rejects)
WHERE regexp_matches(path, $names) AND NOT starts_with(path, 'forgotten')

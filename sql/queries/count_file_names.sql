-- name: count_file_names
-- purpose: number of file names in the attached database `old` that hold a subject's id as a word
-- grain: one row
-- frame: none
-- params: names
SELECT count(*)
FROM (SELECT path FROM old.files UNION SELECT file FROM old.rejects UNION SELECT file FROM old.measures)
WHERE regexp_matches(path, $names) AND NOT starts_with(path, 'forgotten')

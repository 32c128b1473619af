-- name: copy_files
-- purpose: copy the manifest of the attached database `old`; a file name that holds a subject's id as a word is replaced by
--          the start of the content's hash, so that the next run still recognises the file. The folder stays, unless it
--          holds an id, too
-- grain: one new row per name and content
-- frame: none
-- params: names
INSERT INTO files BY NAME
SELECT * EXCLUDE (folder) REPLACE (
    CASE
        WHEN NOT regexp_matches(path, $names) THEN path
        ELSE CASE WHEN regexp_matches(folder, $names) THEN '' ELSE folder END || 'forgotten-' || left(sha256, 12)
    END AS path
)
FROM (SELECT *, regexp_replace(path, '[^/]*$', '') AS folder FROM old.files)
ON CONFLICT DO NOTHING

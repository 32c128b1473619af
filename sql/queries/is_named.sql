-- name: is_named
-- purpose: whether one of some ids occurs in a reject, a message, or the name of an input file; the folders of a file
--          are not looked at, because the name of a folder is nobody's id
-- grain: one row
-- frame: none
-- params: subjects, names
SELECT
    EXISTS (
        FROM rejects
        WHERE
            regexp_matches(regexp_extract(file, '[^/]*$'), $names)
            OR regexp_matches(reason, $names)
            OR list_contains(CAST($subjects AS VARCHAR[]), CASE WHEN json_valid(raw) THEN raw ->> '$.subject_id' END)
    )
    OR EXISTS (FROM files WHERE regexp_matches(regexp_extract(path, '[^/]*$'), $names))
    OR EXISTS (FROM runs WHERE regexp_matches(regexp_replace(message, '[^ ]*/', '', 'g'), $names)) AS named

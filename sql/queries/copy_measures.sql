-- name: copy_measures
-- purpose: copy the numbers of the attached database `old`, without those of the subjects; a file's name that holds an id
--          of theirs is replaced as in `rejects`
-- grain: one new row per number copied
-- frame: none
-- params: subjects, names
INSERT INTO measures BY NAME
SELECT * REPLACE (
    CASE
        WHEN regexp_matches(file, $names)
            THEN coalesce('forgotten-' || (SELECT left(min(sha256), 12) FROM old.files WHERE path = m.file), 'forgotten')
        ELSE file
    END AS file
)
FROM old.measures AS m
WHERE NOT list_contains(CAST($subjects AS VARCHAR[]), subject_id)

-- name: copy_rejects
-- purpose: copy the rejects of the attached database `old`, without those of the subjects. Their ids are removed from file
--          and reason of the others. `raw` is removed from rejects older than `before`, and, if there are subjects, from
--          rejects without a known subject
-- grain: one new row per reject copied
-- frame: none
-- params: subjects, names, before
INSERT INTO rejects BY NAME
SELECT * EXCLUDE (owner) REPLACE (
    CASE
        WHEN regexp_matches(file, $names)
            THEN coalesce('forgotten-' || (SELECT left(min(sha256), 12) FROM old.files WHERE path = r.file), 'forgotten')
        ELSE file
    END AS file,
    CASE WHEN regexp_matches(reason, $names) THEN 'left out, for it held an id that was forgotten' ELSE reason END AS reason,
    CASE
        WHEN rejected_at < CAST($before AS TIMESTAMP) OR (len(CAST($subjects AS VARCHAR[])) > 0 AND owner IS NULL) THEN NULL
        ELSE raw
    END AS raw
)
FROM (SELECT *, CASE WHEN json_valid(raw) THEN raw ->> '$.subject_id' END AS owner FROM old.rejects) AS r
WHERE NOT coalesce(list_contains(CAST($subjects AS VARCHAR[]), owner), FALSE)

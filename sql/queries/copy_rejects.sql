-- name: copy_rejects
-- purpose: copy the rejects of the attached database `old`, without those of the subjects, whose ids also go from the others'
--          file and reason. What a reject held goes when it is older than `before`, and with any subject when nobody can say
--          whose it was
-- grain: one new row per reject kept
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

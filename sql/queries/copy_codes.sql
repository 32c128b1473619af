-- name: copy_codes
-- purpose: copy the codes of the attached database `old`; those of the subjects stay without an id, never to be given again
-- grain: one new row per code
-- frame: none
-- params: subjects
INSERT INTO codes BY NAME
SELECT
    code,
    CASE WHEN list_contains(CAST($subjects AS VARCHAR[]), subject_id) THEN NULL ELSE subject_id END AS subject_id,
    CASE WHEN list_contains(CAST($subjects AS VARCHAR[]), subject_id) THEN NULL ELSE given_at END AS given_at
FROM old.codes

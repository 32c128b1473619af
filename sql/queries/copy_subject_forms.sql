-- name: copy_subject_forms
-- purpose: copy the forms of subjects' ids of the attached database `old`, without those of the subjects
-- grain: one new row per subject copied
-- frame: none
-- params: subjects
INSERT INTO subject_forms BY NAME
FROM old.subject_forms
WHERE NOT list_contains(CAST($subjects AS VARCHAR[]), subject_id)

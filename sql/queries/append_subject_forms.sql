-- name: append_subject_forms
-- purpose: append the forms of the subjects of the frame `incoming` that have none yet
-- grain: one new row per subject_id not seen before
-- frame: none
-- params: none
INSERT INTO subject_forms BY NAME
FROM incoming
ANTI JOIN subject_forms USING (subject_id)

-- name: subjects_without_code
-- purpose: people of the table documents whom no code names yet
-- grain: one row per subject
-- frame: none
-- params: none
SELECT DISTINCT subject_id
FROM documents
ANTI JOIN codes USING (subject_id)
ORDER BY subject_id

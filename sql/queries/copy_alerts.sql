-- name: copy_alerts
-- purpose: copy the alerts of the attached database `old`, without those of the subjects
-- grain: one new row per alert copied
-- frame: none
-- params: subjects
INSERT INTO alerts BY NAME
FROM old.alerts
WHERE NOT list_contains(CAST($subjects AS VARCHAR[]), subject_id)

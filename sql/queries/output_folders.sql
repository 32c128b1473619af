-- name: output_folders
-- purpose: the folders into which runs wrote reports and snapshots
-- grain: one row per kind and folder
-- frame: none
-- params: none
SELECT kind, folder, has_texts
FROM output_folders
ORDER BY kind, folder

-- name: remember_folder
-- purpose: record a folder into which a run is about to write
-- grain: the row of this kind and folder, added or overwritten
-- frame: none
-- params: kind, folder, has_texts
INSERT OR REPLACE INTO output_folders BY NAME
SELECT $kind AS kind, $folder AS folder, CAST($has_texts AS BOOLEAN) AS has_texts

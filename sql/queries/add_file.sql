-- name: add_file
-- purpose: add an input file that was read to its end to the manifest
-- grain: at most one new row
-- frame: none
-- params: path, sha256, size, run_id, now
INSERT INTO files
VALUES ($path, $sha256, $size, $run_id, CAST($now AS TIMESTAMP))
ON CONFLICT DO NOTHING

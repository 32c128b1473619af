-- name: add_file
-- purpose: add an input file to the manifest, with its fault if it has one; a file that was read whole once stays so
-- grain: one new or changed row
-- frame: none
-- params: path, sha256, size, run_id, now, fault, read_as
INSERT INTO files
VALUES ($path, $sha256, $size, $run_id, CAST($now AS TIMESTAMP), $fault, $read_as)
ON CONFLICT DO UPDATE SET
    fault = CASE WHEN fault IS NOT NULL THEN excluded.fault END,
    read_as = CASE WHEN fault IS NOT NULL THEN excluded.read_as END

-- name: known_file
-- purpose: whether a file with this path and content was read to its end before
-- grain: one row
-- frame: none
-- params: path, sha256
SELECT count(*) AS n
FROM files
WHERE path = $path AND sha256 = $sha256

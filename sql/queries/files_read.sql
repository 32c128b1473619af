-- name: files_read
-- purpose: the manifest: every input file that was read to its end, by path, size and content
-- grain: one row per path and content
-- frame: none
-- params: none
SELECT
    path,
    size,
    sha256
FROM files

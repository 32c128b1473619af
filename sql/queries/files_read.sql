-- name: files_read
-- purpose: the manifest: every input file that was read, by path, size and content; the reason if some rows are missing; and the
--          rules of reading if no row was taken
-- grain: one row per path and content
-- frame: none
-- params: none
SELECT
    path,
    size,
    sha256,
    fault,
    read_as
FROM files

-- name: files_read
-- purpose: the manifest: every input file that was read, by path, size and content; why its rows are not all
--          there, if so; and how they were read, where none was taken
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

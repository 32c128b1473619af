-- name: faults_of_files
-- purpose: the reason why some rows of a file in the manifest are missing, so that a night names the file without reading it again.
--          If no row was taken, `read_as` is a hash of the rules of reading, because other rules may take rows. It is NULL if the
--          file itself is damaged, because no settings repair that
-- grain: two values per row of files; both are NULL for a file that was read to its end
-- frame: none
-- params: none
ALTER TABLE files ADD COLUMN fault VARCHAR;
ALTER TABLE files ADD COLUMN read_as VARCHAR

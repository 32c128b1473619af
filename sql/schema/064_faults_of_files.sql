-- name: faults_of_files
-- purpose: why a file of the manifest gave less than its rows, so that a night names it without reading it again. `read_as`
--          is a hash of how its rows were read, where none of them was taken: read in another way, they may be. It is
--          NULL where the file itself is damaged, because no settings repair that
-- grain: two values per row of files; both are NULL for a file that was read to its end
-- frame: none
-- params: none
ALTER TABLE files ADD COLUMN fault VARCHAR;
ALTER TABLE files ADD COLUMN read_as VARCHAR

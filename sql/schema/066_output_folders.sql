-- name: output_folders
-- purpose: the folders into which runs wrote reports and snapshots, so that forgetting and retention find folders that the settings
--          no longer name
-- grain: one row per kind and folder; has_texts: whether the last run wrote texts there
-- frame: none
-- params: none
CREATE TABLE output_folders (
    kind VARCHAR NOT NULL CHECK (kind IN ('report', 'snapshot')),
    folder VARCHAR NOT NULL,
    has_texts BOOLEAN NOT NULL,
    PRIMARY KEY (kind, folder)
)

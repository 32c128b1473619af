-- name: id_rules
-- purpose: the rules ([ids] of the settings) by which the subjects' ids of this database were read; other rules would give its
--          people a second id. An older database gets the rules of the first night after its upgrade
-- grain: one row after the first run, none before
-- frame: none
-- params: none
CREATE TABLE id_rules (
    casefold BOOLEAN NOT NULL,
    strip BOOLEAN NOT NULL,
    since TIMESTAMP NOT NULL
)

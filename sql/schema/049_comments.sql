-- name: comments
-- purpose: the step after which every table, view and column has a comment (monitor/database/comments.py), so that
--          DESCRIBE and BI tools explain them
-- grain: none
-- frame: none
-- params: none
COMMENT ON TABLE schema_version IS 'which files of sql/schema this database has'

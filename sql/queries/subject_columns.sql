-- name: subject_columns
-- purpose: the tables whose rows name a subject
-- grain: one row per table
-- frame: none
-- params: none
SELECT table_name
FROM duckdb_columns() AS c
SEMI JOIN duckdb_tables() AS t USING (table_oid)
WHERE column_name = 'subject_id'
ORDER BY table_name

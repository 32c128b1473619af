-- name: text_columns
-- purpose: every column that can hold an id or a text
-- grain: one row per column of a table
-- frame: none
-- params: none
SELECT
    table_name,
    column_name
FROM duckdb_columns() AS c
SEMI JOIN duckdb_tables() AS t USING (table_oid)
WHERE data_type IN ('VARCHAR', 'JSON')
ORDER BY ALL

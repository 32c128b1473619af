-- name: document_tables
-- purpose: tables whose rows say something about the present version of a document
-- grain: one row per table with a doc_id, but for `documents` and the superseded versions
-- frame: none
-- params: none
SELECT c.table_name
FROM duckdb_columns() AS c
SEMI JOIN duckdb_tables() AS t USING (table_oid)
WHERE c.column_name = 'doc_id' AND c.table_name <> 'documents' AND NOT starts_with(c.table_name, 'superseded')
ORDER BY c.table_name

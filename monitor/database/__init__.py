"""The DuckDB database: connections, schema, statements, rows, ledger, snapshot and kill safety; see README.md."""

"""The DuckDB database: connections, schema, statements, rows, ledger, snapshot, kill safety."""

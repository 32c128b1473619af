"""A lake: Parquet files of documents and scores that many machines write and DuckDB reads; see README.md."""

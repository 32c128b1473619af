"""Window queries, defined in sql/windows, and the forecast."""

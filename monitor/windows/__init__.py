"""Rolling windows, defined in sql/windows, and the forecast."""

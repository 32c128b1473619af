"""The steps of the commands of `risk-monitor lake`: ingest, score with an engine, forget."""

"""The steps of the evaluate command: methods, measurements, quality gate, saved metrics."""

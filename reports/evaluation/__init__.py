"""The evaluation report: page, charts, tables."""

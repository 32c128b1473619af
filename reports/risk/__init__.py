"""The risk report: pages, charts, suppression of small groups."""

"""Speed measurements: scoring, training, and the methods they replace."""

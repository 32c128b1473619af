"""Metrics, intervals, significance tests and baselines."""

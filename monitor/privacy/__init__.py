"""Pseudonyms, retention and forgetting."""

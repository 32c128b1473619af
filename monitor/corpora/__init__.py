"""Labelled corpora for training and evaluation: splits, mixtures, ambiguous labels."""

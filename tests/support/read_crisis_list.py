"""Importing this reads the shipped crisis list, which takes half a second; processes forked later have it."""

from monitor.crisis.phrases import read_phrases

read_phrases(None)

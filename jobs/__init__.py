"""The command line: one file per command, and their steps in folders.

console has the frame around every command, pipeline the steps of a night and of the lake, evaluation the steps of
`evaluate`, `transfer` and `evaluate-alerts`.
"""

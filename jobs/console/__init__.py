"""The frame around every command: exit codes, progress, Ctrl-C, output folders."""

"""From input files to valid documents: readers, timestamps, rejects, quality of the input."""

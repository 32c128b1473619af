"""Which sentences and words an answer rests on."""

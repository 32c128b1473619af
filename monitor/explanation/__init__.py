"""The sentences and words on which an answer rests."""

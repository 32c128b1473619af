"""The two halves of the forum posts: one may train the embedded model, the other measures it."""

import hashlib


def is_trained_on(post: str) -> bool:
    """Whether a post of the forums is of the half that trains, by a hash of its beginning."""
    return hashlib.sha256(post[:200].encode()).digest()[0] % 2 == 0

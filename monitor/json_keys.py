"""A key occurs once in a JSON object. Python's reader takes the last value of a repeated key without a word."""

from __future__ import annotations

from collections import Counter
from typing import Any

TWICE = "the same key twice in a JSON object; keep one"


class RepeatedKeyError(ValueError):
    """An object has a key twice; the argument is the key."""

    def __str__(self) -> str:
        return TWICE


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` of a reader that refuses repeated keys.

    Raises:
        RepeatedKeyError: a key occurs twice.
    """
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise RepeatedKeyError(counts.most_common(1)[0][0])
    return value

"""One JSON object from the text of a row; a row that is none, or that says something twice, is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from monitor.intake.raw_rows import COLUMNS, BatchBuilder, Line

TWICE = "the same key twice in a JSON object; keep one"


class _RepeatedKeyError(ValueError):
    """An object has a key twice; the argument is the key."""


def parse_object(builder: BatchBuilder, line: Line, not_json: str = "not JSON") -> dict[str, Any] | None:
    """The object of a row; None if the row was refused, with the reason `not_json` if its text is not JSON."""
    try:
        row = _DECODER.decode(line.text)
    except _RepeatedKeyError as fault:
        key = fault.args[0]
        builder.refuse(line, TWICE, key if key in COLUMNS else None)
        return None
    except (ValueError, RecursionError):
        builder.refuse(line, not_json)
        return None
    if not isinstance(row, dict):
        builder.refuse(line, "not a JSON object")
        return None
    return row


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _RepeatedKeyError(counts.most_common(1)[0][0])
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_object)

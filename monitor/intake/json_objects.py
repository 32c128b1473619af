"""One JSON object from the text of a row; a row that is none, or that says something twice, is refused."""

from __future__ import annotations

import json
from typing import Any

from monitor.intake.raw_rows import COLUMNS, BatchBuilder, Line
from monitor.json_keys import TWICE, RepeatedKeyError, each_once

DECODER = json.JSONDecoder(object_pairs_hook=each_once)


def parse_object(builder: BatchBuilder, line: Line, not_json: str = "not JSON") -> dict[str, Any] | None:
    """The object of a row; None if the row was refused, with the reason `not_json` if its text is not JSON."""
    try:
        row = DECODER.decode(line.text)
    except RepeatedKeyError as fault:
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

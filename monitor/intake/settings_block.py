"""A feed as the text of a settings file, and as options of a command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from monitor.intake.feeds import Feed

_OPTIONS = {"measures": "measure"}


def as_toml(feed: Feed, path: Path) -> str:
    """The feed as a block [[feeds]]. If the feed has no pattern, the block gets the name of the file as its
    pattern.
    """
    lines = ["[[feeds]]", f"files = {_value(feed.files or (path.name,))}"]
    return "\n".join(lines + [f"{name} = {_value(value)}" for name, value in _given(feed).items()]) + "\n"


def as_options(feed: Feed, path: Path) -> str:
    """The words after `risk-monitor score` that read a file by this feed."""
    words = [str(path)]
    for name, value in _given(feed).items():
        option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
        if name == "day_first":
            words.append("--day-first" if value else "--month-first")
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [option, str(one)]
    return shlex.join(words)


def _given(feed: Feed) -> dict[str, Any]:
    given = {name: getattr(feed, name) for name in Feed.model_fields if name != "files"}
    return {name: value for name, value in given.items() if value not in (None, (), 0) or value is False}


def _value(value: object) -> str:
    """A value in TOML. Strings, lists and booleans are written as in JSON."""
    if isinstance(value, tuple):
        return _value(value[0]) if len(value) == 1 else f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

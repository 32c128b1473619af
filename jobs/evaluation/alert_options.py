"""Check that the options of `evaluate-alerts` belong to the chosen way of judging the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer

from jobs.console.given_options import require_used
from monitor.errors import ConfigError

MODEL = ("model", "device", "config")
TIMELINES = ("dose", "incidence", "days", "onset", "within", "least_texts", "in_order", "seed")
WAYS: Mapping[str, Sequence[str]] = {
    "--numbers": ("numbers", "seed"),
    "--background": ("background", "low", "control", *TIMELINES, *MODEL),
    "--seeds": ("seeds", "first_seed", "lead_ins", *MODEL),
    "--db": ("db", "truth", "config"),
    "--feed": ("feed", "truth", *MODEL),
    "the built-in feed": ("truth", *MODEL),
}
"""Each way of judging and the parameters that it uses beside `out`."""


def check_options(context: typer.Context) -> None:
    """Check that the given options can stand beside each other; `schedule` checks its jobs with it, too.

    Raises:
        ConfigError: an option is missing, or is not used.
    """
    given = context.params
    is_replay = given["background"] is not None or given["low"] or given["control"]
    if is_replay and given["numbers"] is None and (given["background"] is None or not given["low"]):
        raise ConfigError("a replay with real texts needs both --background and --low")
    if not is_replay and sum(given[name] is not None for name in ("feed", "db", "seeds")) > 1:
        raise ConfigError("--feed, --db and --seeds exclude each other; give one")
    ways = (way for way in WAYS if given.get(way.removeprefix("--")) is not None)
    way = next(ways, "the built-in feed")
    require_used(context, way, ("out", *WAYS[way]))
    if given["seeds"] is not None and not 1 <= given["seeds"] <= 1000:
        raise ConfigError("--seeds generates 1 to 1000 feeds with their truth")

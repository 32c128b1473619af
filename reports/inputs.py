"""What a report is made from: options, the frames of the window queries, and the model they are about."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from monitor.alert_rules import AlertRules
from monitor.errors import ConfigError

MOST_CELLS = 5_000  # what one chart may hold; Altair refuses more


@dataclass(frozen=True)
class Options:
    """What the reader may set.

    threshold: the alert line, a mean P(high risk) from 0 to 1.
    min_cohort: cells about fewer subjects than this are withheld.
    min_texts: texts a subject must have written in a week to be held against the alert line.
    days: how far back the charts go.
    top: how many subjects the heatmap shows, the highest risk first.
    show_subjects: name subjects by their ids; otherwise the page numbers them.

    Raises:
        ConfigError: a value is out of its range, or top subjects over days are more cells than a chart holds.
    """

    threshold: float = AlertRules().threshold
    min_cohort: int = 11
    min_texts: int = AlertRules().min_texts
    days: int = 366
    top: int = 30
    show_subjects: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold {self.threshold:g} is no probability; give a number from 0 to 1")
        for name in ("min_cohort", "min_texts", "days", "top"):
            if getattr(self, name) < 1:
                option = "--" + name.replace("_", "-")
                raise ConfigError(f"{option} is {getattr(self, name)}; give a whole number of at least 1")
        cells = self.top * (math.ceil(self.days / 7) + 1)
        if self.days > MOST_CELLS or cells > MOST_CELLS:
            raise ConfigError(
                f"{self.top} subjects over {self.days} days are {cells:,} cells, and a chart holds "
                f"{MOST_CELLS:,}; lower --top or --days"
            )


@dataclass(frozen=True)
class Model:
    """The scorer that a report is about, and which others have scores in the same database."""

    model_id: str
    name: str
    base: str
    quantisation: str
    rules: Mapping[str, str]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Inputs:
    """All that the pages and pictures of one report need; frames as the queries of the same names give them."""

    as_of: dt.date
    model: Model
    options: Options
    headline: pl.DataFrame
    data_quality: pl.DataFrame
    daily: pl.DataFrame
    week: pl.DataFrame
    month: pl.DataFrame
    emotion_mix: pl.DataFrame
    subject_week: pl.DataFrame
    weekday_hour: pl.DataFrame

    @property
    def first_day(self) -> dt.date:
        """First day that the charts show."""
        return self.as_of - dt.timedelta(days=self.options.days - 1)


@dataclass(frozen=True)
class Notice:
    """Why there is nothing to report, and what to do about it."""

    title: str
    text: str
    remedy: str

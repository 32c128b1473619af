"""The format of words, numbers and dates, the same everywhere in a report, in the reader's language.

The English sentence is the key of its translation, as in gettext; the catalogues are JSON beside this file.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

Language = Literal["en", "zh-TW"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
MINUS = "−"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Words:
    """A report's own words in one language: `words("In {place}", place="Rome")`.

    A sentence that the language lacks is a bug, and a KeyError.
    """

    lang: Language = "en"

    def __call__(self, sentence: str, **values: object) -> str:
        """The sentence with its {fields} filled in."""
        template = sentence if self.lang == "en" else _catalogue(self.lang)[sentence]
        return template.format(**values)

    def join(self, *sentences: str) -> str:
        """Sentences one after another, without empty ones."""
        return (" " if self.lang == "en" else "").join(filter(None, sentences))

    def count(self, value: int, noun: str) -> str:
        """1234, "text" -> 1,234 texts."""
        return count(value, noun) if self.lang == "en" else self("{n} " + noun, n=f"{value:,}")

    def points(self, change: float) -> str:
        """A difference of two shares: 0.021 -> +2.1 points."""
        rounded = round(change * 100, 1)
        return self("{n} points", n=f"{_sign(rounded)}{abs(rounded):.1f}")

    def day(self, value: dt.date | str) -> str:
        """A date, or its ISO string, as 4 May 2026."""
        date = dt.date.fromisoformat(value[:10]) if isinstance(value, str) else value
        month = self(f"{date:%b}")  # languages without names of months write a number
        return self("{day} {month} {year}", day=date.day, month=month, year=date.year)

    def weekday(self, value: dt.date) -> str:
        """A date with its weekday, as Mon 4 May 2026."""
        return self("{weekday} {date}", weekday=self(WEEKDAYS[value.weekday()]), date=self.day(value))


def count(value: int, noun: str = "") -> str:
    """1234, "text" -> 1,234 texts, in English; `Words.count` knows the other languages."""
    plural = noun if value == 1 else {"person": "people"}.get(noun, f"{noun}s")
    return f"{value:,} {plural}" if noun else f"{value:,}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.2345 -> 23.4% (None -> an en dash)."""
    return "–" if value is None else f"{value * 100:.{digits}f}%"


def exact(value: float) -> str:
    """A percentage with only the digits that it needs: 0.5 -> 50%, 0.375 -> 37.5%."""
    return f"{value * 100:.6g}%"


def change(value: int) -> str:
    """12 -> +12, -3 -> −3, with a true minus."""
    return f"{_sign(value)}{abs(value):,}"


def _sign(value: float) -> str:
    return "+" if value > 0 else MINUS if value < 0 else "±"


@cache
def _catalogue(lang: str) -> Mapping[str, str]:
    """English sentence -> sentence of the language."""
    text = files("reports").joinpath("style", f"{lang}.json").read_text(encoding="utf-8")
    sentences: dict[str, str] = json.loads(text)
    return sentences

"""Describe an unknown file: kind, columns, shapes of values, and settings that would read it. No value is shown.

Order of day and month is never guessed: if both fit the dates of the sample, the proposal asks for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from monitor.errors import DataError
from monitor.intake.date_rules import EXCEL, DateRule, date_shape, has_year_last, possible_orders, shape
from monitor.intake.documents import read_documents
from monitor.intake.excel import other_sheets
from monitor.intake.feeds import Feed
from monitor.intake.presets import CATALOGUE, NOT_COMPLETED
from monitor.intake.sampling import SAMPLE_ROWS, Sample, read_sample
from monitor.intake.selection import TIME_OF_FORM, Selection, normal, stem
from monitor.intake.timestamps import parse_times

MOST_SHAPES = 3
OF_ONE_PERSON = (
    'subject: the file does not say whose it is, so its name is the id; or give subject = "ID" (--subject ID)'
)
_SUBJECT_NAMES = (
    r"subject(_?id)?|participant(_?(id|code|number))?|user(_?(id|name))?|author(_?id)?|person(_?id)?|patient(_?id)?"
    r"|respondent(_?id)?|student(_?(id|number))?|(e-?mail|email)( address)?|member(_?id)?|client(_?id)?|pseudonym"
    r"|who|teilnehmer\w*|proband\w*|nutzer\w*|kennung|受試者.*|學號|帳號|參與者.*|code|sender|from|nick(name)?|handle|screen_?name|account(_?id)?|record_?id|.*(student|participant|subject|user).*"
)
_TEXT_NAMES = r"text|body|content|message|comment|post|entry|note|tweet|full_text|answer|diary|journal|selftext"
_DOC_NAMES = r"(doc|document|tweet|message|post|comment|response|entry|status)_?id|id|uuid|guid|id_str"
_SOURCE_NAMES = r"source|channel|platform|subreddit|forum"


@dataclass(frozen=True)
class Column:
    """A column of the sample: its name, type, share of rows that have a value, and most frequent shapes."""

    name: str
    kind: str
    filled: float
    shapes: tuple[str, ...]


@dataclass
class Inspection:
    """What `inspect` found.

    Attributes:
        kind: of the file, in words.
        encoding: of the file, if it is text.
        delimiter: of a CSV file.
        columns: of the sample.
        n_rows: number of rows of the sample.
        feed: settings that would read the file.
        questions: open questions about the settings: a sentence -> the option that would answer it ("" if the
            question may stay open).
        n_taken: number of rows of the sample that the settings accept.
        n_rejected: number of rows that they reject.
        n_not_texts: number of entries that are not a person's text.
        reasons: number of rejects by `column: reason`.
        refused: the reason to refuse the file as a whole; None without one.
    """

    kind: str
    encoding: str | None
    delimiter: str | None
    columns: list[Column]
    n_rows: int
    feed: Feed
    questions: dict[str, str] = field(default_factory=dict)
    n_taken: int = 0
    n_rejected: int = 0
    n_not_texts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    refused: str | None = None

    @property
    def works(self) -> bool:
        """Whether the settings would read any row of the file."""
        return self.n_taken > 0 and self.refused is None


def inspect_file(path: Path, feed: Feed | None = None) -> Inspection:
    """Inspect the first SAMPLE_ROWS rows of a file. Settings given in `feed` are kept, and the others are proposed.

    Raises:
        DataError: the file is of no known kind, or damaged.
    """
    sample = read_sample(path, feed)
    table = {name: [_written(row.get(name)) for row in sample.rows] for name in sample.names}
    columns = [_column(name, values) for name, values in table.items()]
    proposed, questions = propose(sample, table, feed or Feed())
    inspection = Inspection(
        sample.kind, sample.encoding, sample.delimiter, columns, len(sample.rows), proposed, questions
    )
    _try(path, inspection)
    if len(sample.sheets) > 1 and not proposed.sheet:
        inspection.questions[f"sheet: {other_sheets(sample.sheets)}"] = ""
    return inspection


def _try(path: Path, inspection: Inspection) -> None:
    """Read the first rows by the proposed settings, and count accepted and rejected rows."""
    try:
        n, subjects = 0, set[str]()
        for chunk in read_documents(path, chunk_rows=SAMPLE_ROWS, feed=inspection.feed):
            inspection.n_taken += chunk.n_valid
            inspection.n_rejected += chunk.rejects.height
            inspection.n_not_texts += chunk.n_not_texts
            inspection.reasons.update(
                f"{column}: {reason}" if column else reason
                for column, reason in pl.concat([chunk.rejects, chunk.bad_measures]).select("column", "reason").rows()
            )
            n += chunk.n_read
            subjects.update(chunk.documents["subject_id"])
            if n >= SAMPLE_ROWS:
                break
        preset = CATALOGUE[inspection.feed.preset] if inspection.feed.preset else None
        if preset and preset.one_person and not inspection.feed.subject and subjects == {stem(path)}:
            inspection.questions[OF_ONE_PERSON] = ""
        if not n + inspection.n_not_texts:
            inspection.refused, inspection.questions = "it holds no rows", {}
    except DataError as error:
        inspection.refused = (
            str(error).removeprefix(f"{path}: ").partition(". Name ")[0]
        )  # the questions name the remedy


def _written(value: Any) -> str:
    """A value as a string; "" for a missing value."""
    if value is None or isinstance(value, dict | list):
        return "" if value is None else "{…}" if isinstance(value, dict) else "[…]"
    return "" if value == NOT_COMPLETED else str(value)


def _column(name: str, values: Sequence[str]) -> Column:
    present = [value for value in values if value.strip()]
    kind = _kind(present)
    shapes = Counter(shape(value) for value in present).most_common(MOST_SHAPES)
    texts = kind == "text"
    lengths = sorted(len(value.split()) for value in present)
    shown = (f"{lengths[0]} to {lengths[-1]} words",) if texts else tuple(form for form, _ in shapes)
    return Column(" ".join(name.split()), kind, len(present) / max(len(values), 1), shown)


def _kind(values: Sequence[str]) -> str:
    """The kind of values: nothing, number, time, text (three words or more on average) or word."""
    if not values:
        return "nothing"
    if _share_of_times(values) > 0.9:
        return "time"
    if sum(re.fullmatch(r"[-+]?\d*[.,]?\d+", value.strip()) is not None for value in values) > 0.9 * len(values):
        return "number"
    return "text" if sum(len(value.split()) for value in values) >= 3 * len(values) else "word"


def _share_of_times(values: Sequence[str], rule: DateRule | None = None) -> float:
    """The share of values that are times, in either order of day and month if no rule is given."""
    rules = [rule] if rule else [DateRule(day_first=True), DateRule(day_first=False)]
    return max(parse_times(pl.Series(values, dtype=pl.String), one).count() for one in rules) / len(values)


def propose(sample: Sample, table: dict[str, list[str]], feed: Feed) -> tuple[Feed, dict[str, str]]:
    """Settings for a sample, and the questions that they leave open."""
    if not sample.is_clear:
        seems = f"encoding: it seems to be {sample.encoding}; name the one of the program that wrote it"
        return feed, {seems: "--encoding NAME"}
    preset = feed.preset or sample.preset or _table_preset(sample)
    settings: dict[str, Any] = {"preset": preset, "encoding": sample.proposed_encoding}
    if sample.delimiter not in (None, ",", ";", "\t"):
        settings["delimiter"] = sample.delimiter
    if sample.skip_rows:
        settings["skip_rows"] = sample.skip_rows
    known = {name: value for name, value in settings.items() if value} | feed.model_dump(exclude_unset=True)
    questions: dict[str, str] = {}
    if sample.names and not (preset and CATALOGUE[preset].arrange and CATALOGUE[preset].columns.get("text")):
        columns = _choose_columns(table, Feed(**known), questions)
        known = columns | known
    known |= _date_settings(table, Feed(**known), questions)
    return Feed(**known), questions


def _table_preset(sample: Sample) -> str | None:
    """The preset whose program writes such a header."""
    names = {normal(name) for name in sample.names}
    signs: dict[str, bool] = {
        "qualtrics": {"responseid", "recordeddate"} <= names,
        "redcap": any(name.startswith("redcap_") for name in names)
        or ("record_id" in names and any(name.endswith("_complete") for name in names))
        or {"record id", "complete?"} <= names,
        "m-path": {"connectionid", "timestampstart"} <= names or {"connectionid", "timestampsent"} <= names,
        "discord": {"authorid", "author", "date", "content"} <= names or {"timestamp", "contents"} <= names,
        "reddit": {"permalink", "date", "body"} <= names,
        "google-forms": bool(sample.names)
        and normal(sample.names[0]) in {normal(name) for name in CATALOGUE["google-forms"].columns["posted_at"]},
    }
    return next((name for name, fits in signs.items() if fits), None)


def _choose_columns(table: dict[str, list[str]], feed: Feed, questions: dict[str, str]) -> dict[str, Any]:
    """The columns of subject, time and text, if names or values identify them."""
    chosen: dict[str, Any] = {}
    filled = {name: values for name, values in table.items() if any(value.strip() for value in values)}
    kinds = {name: _kind([value for value in values if value.strip()]) for name, values in filled.items()}
    defaults = CATALOGUE[feed.preset].columns if feed.preset else {}

    def has_default(column: str) -> bool:
        """Whether the default column has values; if not, another column of the same program is chosen."""
        own = _own_columns(table, column, defaults.get(column, (column,)))
        if own and own[0] not in filled:
            chosen[column] = next((name for name in own if name in filled), None)
        return bool(own) and (own[0] in filled or chosen[column] is not None)

    own = re.compile((feed.preset and CATALOGUE[feed.preset].own) or r"(?!)")
    if not feed.posted_at and not has_default("posted_at"):
        times = [name for name in filled if kinds[name] == "time"]
        named = [name for name in times if re.search(r"time|date|created|posted|stamp|at$", normal(name))]
        chosen["posted_at"] = _first(named or times, "posted_at", "no column looks like a time", questions)
    free = [name for name in filled if not own.fullmatch(normal(name)) and name != chosen.get("posted_at")]
    if not feed.text and not has_default("text"):
        texts = [name for name in free if kinds[name] == "text"]
        named = [name for name in free if re.fullmatch(_TEXT_NAMES, normal(name)) and kinds[name] in ("text", "word")]
        if feed.preset or not named:
            named = texts
        named = _each_once(named)
        chosen["text"] = tuple(named) or None
        if not named:
            questions["text: no column looks like a text; name one"] = "--text COLUMN"
    if not (feed.subject_id or feed.subject) and not has_default("subject_id"):
        rest = [name for name in free if name not in (chosen.get("text") or ()) and kinds[name] in ("word", "number")]
        chosen["subject_id"] = _choose_subject({name: filled[name] for name in rest}, kinds, questions)
    if not feed.preset:
        for column, pattern in (("doc_id", _DOC_NAMES), ("source", _SOURCE_NAMES)):
            if getattr(feed, column) is None and not has_default(column):
                names = [name for name in free if re.fullmatch(pattern, normal(name)) and kinds[name] != "text"]
                names = [name for name in names if name != chosen.get("subject_id")]
                if column == "doc_id":
                    names = [name for name in names if len(set(filled[name])) == len(filled[name])]
                chosen[column] = next(iter(names), None)
    return {name: value for name, value in chosen.items() if value}


def _own_columns(table: Mapping[str, Sequence[str]], column: str, names: Sequence[str]) -> list[str]:
    """The columns of the sample that are read as `column` even without settings, in the order of `names`."""
    if column == "posted_at" and not names:
        own = [name for name in table if re.fullmatch(TIME_OF_FORM, normal(name))]
        return own if len(own) == 1 else []
    folded = {normal(name): name for name in table}
    return [folded[normal(name)] for name in names if normal(name) in folded]


def _choose_subject(columns: dict[str, list[str]], kinds: dict[str, str], questions: dict[str, str]) -> str | None:
    """The column of the person's id: by its name, or the only one whose words repeat."""
    named = [name for name in columns if re.fullmatch(_SUBJECT_NAMES, normal(name))]
    repeating = [
        name for name, values in columns.items() if kinds[name] == "word" and 1 < len({*values}) < len(values)
    ]
    if not named and len(repeating) == 1:
        questions[f"subject_id: {repeating[0]} is taken because its values repeat; is it a person's id?"] = ""
        return repeating[0]
    return _first(named, "subject_id", "no column looks like a person's id", questions)


def _each_once(names: Sequence[str]) -> list[str]:
    """The names that a feed may list together: not empty, and of names that differ only by case the first."""
    first: dict[str, str] = {}
    for name in filter(str.strip, names):
        first.setdefault(name.casefold(), name)
    return list(first.values())


def _first(names: Sequence[str], column: str, none: str, questions: dict[str, str]) -> str | None:
    if not names:
        questions[f"{column}: {none}; name one"] = f"--{column.replace('_', '-')} COLUMN"
    elif len(names) > 1:
        questions[f"{column}: others that may be it are {', '.join(names[1:4])}"] = ""
    return names[0] if names else None


def _date_settings(table: dict[str, list[str]], feed: Feed, questions: dict[str, str]) -> dict[str, Any]:
    """The date settings of the time column, where the given settings lack them."""
    if feed.date_format or feed.day_first is not None:
        return {}
    selection = Selection(Path("file"), feed)
    folded = {normal(name): name for name in table}
    column = next((folded[normal(name)] for name in selection.names["posted_at"] if normal(name) in folded), None)
    values = [value for value in table.get(column or "", ()) if value.strip()]
    if not values or _share_of_times(values, feed.dates) > 0.9:
        return {}
    if sum(map(has_year_last, values)) > 0.5 * len(values):
        orders = possible_orders(values)
        if len(orders) == 1:
            return {"day_first": orders.pop()}
        both = "both fit" if orders else "neither fits all"
        form = shape(next(filter(has_year_last, values)))
        question = f"posted_at: is the day or the month first in {form}? {both}; give day_first = true or false"
        questions[question] = "--day-first|--month-first"
    elif sum(re.fullmatch(r"[2-6]\d{4}([.,]\d+)?", value.strip()) is not None for value in values) > len(values) / 2:
        return {"date_format": (EXCEL,)}
    else:
        odd = next(value for value in values if not _share_of_times([value], feed.dates))
        questions[f"posted_at: some values are not times; {date_shape(odd)}"] = "--date-format FORMAT"
    return {}

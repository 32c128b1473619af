"""One person, one id: the rules that clean ids, and the form that look-alike ids share.

Programs write one id in several ways: Excel and pandas add `.0`, keyboards decompose accents, web pages add
characters of no width. These differences never tell two people apart, so `clean_ids` removes them from the ids of
every format. What may tell people apart (letter case, spaces, accents) stays unless the settings say otherwise. Ids
that differ only in these have the same `look_alike_forms`, by which a night finds them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import polars as pl

from monitor.intake.row_rules import IdRules

ROUNDED = (
    "a long number that a program rounded (as Excel writes 1.23457E+17), which several people may share; "
    "format the column as text and export it again"
)
NO_WHOLE_ID = "a float, and no whole number below 2**53; export ids as strings or integers"
PLACEHOLDER = "a word for a missing value (nan, NULL, None); leave the field empty where there is no id"
PLACEHOLDERS = ("nan", "NaN", "NAN", "NaT", "null", "NULL", "None", "<NA>", "N/A", "#N/A", "\\N", "undefined")
MAX_WHOLE_FLOAT = 2**53  # floats from here on do not hold every whole number
_NUMBER = r"^[+-]?[0-9]+[.,]?[0-9]*(?:[eE][+-]?[0-9]{1,3})?$"
_WHOLE = re.compile(r"([+-]?[0-9]{1,300})\.0+")
_EXPONENT = re.compile(r"[+-]?[0-9](?:[.,]([0-9]+)[eE][+-]?|()[eE][+-])([0-9]{1,3})")  # 12e4 may be any string
_OUTER = "'\"`´‘’“”<>()[]{}@#.,;:*"
_ACCENTS = dict.fromkeys((*range(0x300, 0x370), *range(0x1AB0, 0x1B00), *range(0x1DC0, 0x1E00)))
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})  # not in NFKD


class CleanIds(NamedTuple):
    """Cleaned ids (null: none was given) and why an id cannot be used (null: it can); both String, shape (n,)."""

    ids: pl.Series
    faults: pl.Series


def clean_ids(ids: pl.Series, rules: IdRules | None = None, *, required: bool = True) -> CleanIds:
    """Clean a column of ids, so that an id is the same string in every export.

    Zero-width characters and outer white space are removed, accents are composed (NFC), `7.0` becomes `7`. A number
    in exponent notation is a fault if digits are missing, because different numbers were rounded to it.

    Args:
        ids: String, shape (n,).
        rules: further differences to remove from ids of subjects; None: none.
        required: a word for a missing value (nan, NULL) is a fault; otherwise such an id becomes null.
    """
    rules = rules or IdRules()
    column = pl.col("id")
    frame = ids.cast(pl.String).alias("id").to_frame()
    if frame.select(column.str.contains(r"[^\x21-\x7e]").any()).item():
        frame = frame.with_columns(column.str.replace_all(r"\p{DI}", "").str.normalize("NFC").str.strip_chars())
    # looked for before casefold, which would make "None" a word that is not in the list, and again at the end
    placeholder = column.str.strip_chars().is_in(PLACEHOLDERS)
    frame = frame.with_columns(placeholder.alias("placeholder"))
    if rules.strip:
        frame = frame.with_columns(column.str.replace_all(r"\s+", "").str.strip_chars(_OUTER))
        frame = frame.with_columns((pl.col("placeholder") | placeholder).alias("placeholder"))
    if rules.casefold:
        frame = frame.with_columns(_mapped(frame["id"], lambda value: unicodedata.normalize("NFC", value.casefold())))
    numeric = frame.select(column.str.contains(_NUMBER) & column.str.contains(r"[.,eE]")).to_series()
    faults = pl.Series([None] * frame.height, dtype=pl.String)
    if numeric.any():
        numbers = frame["id"].set(~numeric.fill_null(value=False), None)
        faults = _mapped(numbers, _number_fault)
        frame = frame.with_columns(pl.coalesce(_mapped(numbers, _whole_number), column).alias("id"))
    frame = frame.with_columns(faults.alias("fault")).with_columns(pl.when(column != "").then("id"))
    placeholder = pl.col("placeholder") | placeholder
    if required:
        frame = frame.with_columns(pl.when(placeholder).then(pl.lit(PLACEHOLDER)).otherwise("fault").alias("fault"))
    else:
        frame = frame.with_columns(pl.when(~placeholder).then("id"))
    return CleanIds(frame["id"], frame["fault"])


def look_alike_forms(ids: pl.Series) -> pl.Series:
    """The form shared by ids that differ only by case, accents, `.0`, spaces or leading zeros; String, shape (n,)."""
    return _mapped(ids, look_alike_form)


def look_alike_form(subject_id: str) -> str:
    """The form of one id, as `look_alike_forms`."""
    plain = unicodedata.normalize("NFKD", subject_id).translate(_ACCENTS).casefold().translate(_LETTERS)
    form = "".join(plain.split())
    if whole := _WHOLE.fullmatch(form):
        form = whole[1]
    return (form.lstrip("0") or "0") if form.isdecimal() else form


def _number_fault(number: str) -> str | None:
    """Why a number with a decimal point or exponent cannot be an id; None if it can, such as the version 2.5."""
    if whole := _WHOLE.fullmatch(number):
        return NO_WHOLE_ID if abs(int(whole[1])) >= MAX_WHOLE_FLOAT else None
    return ROUNDED if _EXPONENT.fullmatch(number) and _whole_number(number) is None else None


def _whole_number(number: str) -> str | None:
    """The whole number in digits, if `number` is one that ends in `.0` or has an exponent and all of its digits."""
    whole, exponent = _WHOLE.fullmatch(number), _EXPONENT.fullmatch(number)
    if whole:
        return whole[1] if int(whole[1]) else "0"
    if exponent and len(exponent[1] or "") >= int(exponent[3]):
        value = Decimal(number.replace(",", "."))
        if value == int(value) and abs(value) < MAX_WHOLE_FLOAT:
            return str(int(value))
    return None


def _mapped(values: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """Apply a function to every string. It is called once per distinct string; nulls stay null."""
    distinct = values.drop_nulls().unique()
    results = pl.Series([function(value) for value in distinct], dtype=pl.String)
    return values.replace_strict(distinct, results, default=None, return_dtype=pl.String)

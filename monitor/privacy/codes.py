"""Codes: short names of people, such as Bako7, in reports, alerts, queries and the snapshot.

A code is drawn at random when a person is first seen, and kept. Nobody can compute it from an id; otherwise anybody
with a list of possible ids could find out who a printed report is about. The code of a forgotten person is never
given again. Two syllables and a digit make some 30,000 codes; once a quarter of them is in use, new codes have one
more syllable.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import duckdb
import polars as pl

from monitor.database.connection import Database
from monitor.database.statements import execute, fetch_number, query, utc_now

CONSONANTS = "bdfgklmnprstvz"  # each has only one pronunciation
VOWELS = "aeiou"
DIGITS = "23456789"  # 0 and 1 look like letters
SYLLABLES = tuple(consonant + vowel for consonant in CONSONANTS for vowel in VOWELS)
SHORTEST_AVOIDED = 3  # letters of the shortest avoided word
FULL = 0.25  # share of the codes of one length that may be in use before codes grow


class Named(NamedTuple):
    """A person's id and code."""

    subject_id: str
    code: str


def give_codes(con: duckdb.DuckDBPyConnection, subject_ids: Sequence[str], draw: random.Random | None = None) -> int:
    """Give a code to each of these people without one; returns the number of new codes.

    Args:
        con: a connection that may write; the caller commits.
        subject_ids: ids as the database holds them.
        draw: source of chance; default: the operating system's.
    """
    draw = draw or random.SystemRandom()
    con.register("wanted", pl.DataFrame({"subject_id": sorted(set(subject_ids))}, schema={"subject_id": pl.String}))
    unnamed = [subject for (subject,) in con.execute("FROM wanted ANTI JOIN codes USING (subject_id)").fetchall()]
    unnamed.sort()
    n_new = len(unnamed)
    while unnamed:
        n_used = fetch_number(con.execute("SELECT count(*) FROM codes"))
        drawn = _draw(len(unnamed), n_used, draw)
        con.register("drawn", pl.DataFrame({"place": range(len(drawn)), "code": drawn}))
        con.register("unnamed", pl.DataFrame({"place": range(len(unnamed)), "subject_id": unnamed}))
        execute(con, "queries/new_codes", now=utc_now())
        left = con.execute("SELECT subject_id FROM unnamed ANTI JOIN codes USING (subject_id)").fetchall()
        unnamed = sorted(subject for (subject,) in left)
    return n_new


def give_codes_to_all(con: duckdb.DuckDBPyConnection) -> None:
    """As `give_missing_codes`, in a transaction of the caller's."""
    if missing := _without_code(con):
        give_codes(con, missing)


def give_missing_codes(db: Database) -> None:
    """Give codes to people without one, as in a database that an older risk-monitor wrote.

    Raises:
        StoreError: the database cannot be read, or it lacks codes and cannot be written.
    """
    with db.reading() as con:
        missing = _without_code(con)
    if missing:
        with db.writing() as con:
            give_codes(con, missing)


def _without_code(con: duckdb.DuckDBPyConnection) -> list[str]:
    return query(con, "queries/subjects_without_code")["subject_id"].to_list()


def find_person(con: duckdb.DuckDBPyConnection, word: str, ids: Sequence[str] = ()) -> Named | None:
    """The person with this code (in any spelling), or with one of these ids; None if there is no such person."""
    rows = execute(con, "queries/find_code", code=spelled(word), ids=list(ids)).fetchall()
    people = [Named(subject_id, code) for subject_id, code, _ in rows if subject_id is not None]
    by_id = [person for person in people if person.subject_id in ids]
    return next(iter(by_id or people), None)


def spelled(word: str) -> str:
    """A code as the database writes it: " bako-7" -> "Bako7"."""
    return re.sub(r"[\s_-]", "", word).capitalize()


def is_avoided(code: str) -> bool:
    """Whether a code contains a word that must not name a person."""
    letters, words = code.lower(), avoided_words()
    ends = range(SHORTEST_AVOIDED, len(letters) + 1)
    return any(letters[start:end] in words for end in ends for start in range(end - SHORTEST_AVOIDED + 1))


@cache
def avoided_words() -> frozenset[str]:
    """The words of avoided_words.txt."""
    lines = files("monitor.privacy").joinpath("avoided_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _draw(n: int, n_used: int, draw: random.Random) -> list[str]:
    """Draw n different codes, none with a word to avoid; some may be in use."""
    n_syllables = 2
    while n + n_used > FULL * len(DIGITS) * len(SYLLABLES) ** n_syllables:
        n_syllables += 1
    drawn: dict[str, None] = {}
    while len(drawn) < n:
        word = "".join(draw.choice(SYLLABLES) for _ in range(n_syllables))
        code = word.capitalize() + draw.choice(DIGITS)
        if not is_avoided(code):
            drawn[code] = None
    return list(drawn)

"""Codes name a person from first sight on, in every output, and never another one."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from monitor.database import store
from monitor.database.connection import Database
from monitor.database.copy import database_copy
from monitor.database.statements import utc_now
from monitor.privacy import codes
from monitor.privacy.codes import find_person, give_codes, give_missing_codes, is_avoided, spelled
from monitor.privacy.forgetting import forget
from tests.support import fake_feed


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        yield con


def stored(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(con.execute("SELECT subject_id, code FROM codes WHERE subject_id IS NOT NULL").fetchall())


def texts(subjects: list[str], week: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "doc_id": [f"{subject}-{week}" for subject in subjects],
            "subject_id": subjects,
            "posted_at": [utc_now()] * len(subjects),
            "text": [f"text of {subject} in week {week}" for subject in subjects],
            "source": ["test"] * len(subjects),
        }
    )


@pytest.mark.slow
def test_codes_never_change_over_a_year_of_people_who_come_go_and_are_forgotten(tmp_path: Path) -> None:
    db, chance = Database(tmp_path / "risk.duckdb"), random.Random(22)
    first: dict[str, str] = {}  # person -> code at first sight
    gone: dict[str, str] = {}  # code -> person who was forgotten
    people = [f"person-{n}" for n in range(12)]
    for week in range(52):
        people = [person for person in people if chance.random() > 0.1]
        people += [f"person-{100 * (week + 1) + n}" for n in range(chance.randint(0, 3))]
        with db.writing() as con:
            store.append_documents(con, texts(people, week), "run")
            give_codes(con, people)
        if week % 13 == 12 and people:
            with db.only_writer():
                forget(db, [people[0]])
            gone[first.pop(people[0])] = people[0]
            people = people[1:] + people[:1] * (week % 2)  # some come back, as somebody new
        with db.reading() as con:
            now = stored(con)
        assert {person: now.get(person) for person in first} == first
        assert not set(gone) & set(now.values()), "a code of a forgotten person names somebody again"
        first |= now
        assert len(set(now.values())) == len(now)
    assert len(first) > 60
    assert len(gone) == 4


@pytest.mark.slow
def test_a_code_is_two_syllables_and_a_digit_and_grows_before_they_run_out(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert give_codes(con, [f"s{n}" for n in range(2000)]) == 2000
    given = stored(con)
    syllable = f"[{codes.CONSONANTS}][{codes.VOWELS}]"
    assert all(re.fullmatch(f"({syllable}){{2}}[2-9]", code.lower()) for code in given.values())
    assert all(code == code.capitalize() for code in given.values())
    assert len(set(given.values())) == 2000
    assert give_codes(con, [f"s{n}" for n in range(2400)]) == 400
    assert {subject: code for subject, code in stored(con).items() if subject in given} == given
    monkeypatch.setattr(codes, "FULL", 0.05)
    assert give_codes(con, ["one more"]) == 1
    more = [f"t{n}" for n in range(400)]
    assert give_codes(con, more) == 400
    assert {len(stored(con)[subject]) for subject in more} == {7}


def test_no_code_is_a_word_to_avoid() -> None:
    for word in ("Rape5", "Nazi2", "Sado7", "Zisa3", "Lisa9", "Tolana4", "Bikila2"):
        assert is_avoided(word), word
    assert not is_avoided("Bavo7")
    chance = random.Random(1)
    assert not any(is_avoided(code) for code in codes._draw(5000, 0, chance))
    for word in codes.avoided_words():  # a word that no code can contain would be a mistake in the list
        assert re.fullmatch(r"[a-z]{3,}", word)
        assert set(word) <= set(codes.CONSONANTS + codes.VOWELS), word


def test_a_code_cannot_be_computed_from_an_id(con: duckdb.DuckDBPyConnection) -> None:
    with fake_feed.database() as other:
        for one in (con, other):
            give_codes(one, [f"s{n}" for n in range(200)])
        same = [subject for subject, code in stored(con).items() if stored(other)[subject] == code]
    assert len(same) < 5


def test_a_code_is_found_in_any_spelling_and_an_id_wins_over_a_code(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO codes VALUES ('Bavo7', 'a', now()), ('Doke2', 'Bavo7', now()), ('Gilo4', NULL, NULL)")
    assert [spelled(word) for word in (" bavo-7", "BAVO 7", "bavo_7")] == ["Bavo7"] * 3
    assert find_person(con, "bavo-7", ["bavo-7"]) == ("a", "Bavo7")
    assert find_person(con, "Bavo7", ["Bavo7"]) == ("Bavo7", "Doke2")
    assert find_person(con, "a", ["a"]) == ("a", "Bavo7")
    assert find_person(con, "Gilo4") is None
    assert find_person(con, "nobody", ["nobody"]) is None


@pytest.mark.slow
def test_an_older_database_gets_its_codes_and_the_snapshot_has_the_same(tmp_path: Path) -> None:
    db = Database(tmp_path / "risk.duckdb")
    with db.writing() as con:
        store.append_documents(con, texts(["a", "b"], 0), "run")
    give_missing_codes(db)
    with db.reading() as con:
        before = stored(con)
    assert set(before) == {"a", "b"}
    give_missing_codes(db)
    with database_copy(db, tmp_path / "copy", keys=False), Database(tmp_path / "copy").reading() as con:
        assert stored(con) == before

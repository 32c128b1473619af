"""Places in the original, hostile input, and real texts."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.crisis import CrisisList

CRISIS = CrisisList.read()
DATA = Path(os.environ.get("RISK_MONITOR_DATA", "../shared/data"))
PARTS = (
    *(
        "i",
        "want",
        "to",
        "die",
        "kill",
        "k1ll",
        "my",
        "self",
        "myself",
        "MYSELF",
        "don't",
        "ca\u200bnt",
        "wanna",
        "no",
    ),
    *(
        "s u i c i d e",
        "ｄｉｅ",
        "diiiie",
        "suicidal.",
        "he",
        "never",
        "😂",
        "“",
        "”",
        ",",
        "...",
        "to…",
        ".",
        "\n",
        "\n\n",
        "\t",
        "é",
    ),
    *("\ud800", "\x00", "g-o", "me.", "d. i. e"),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14).map(" ".join))
def test_place_in_original_normalises_to_what_matched(text: str) -> None:
    for mention in CRISIS.find([text])[0]:
        assert 0 <= mention.first < mention.last <= len(text)
        again = CRISIS.normalise(text[mention.first : mention.last])
        assert again
        assert f" {again} " in f" {CRISIS.normalise(text)} "


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_answered_with_places_inside_it(text: str) -> None:
    for mention in CRISIS.find([text])[0]:
        assert 0 <= mention.first < mention.last <= len(text)


def test_exact_place_of_a_match_behind_masks() -> None:
    text = "Hello 👋, I want to K1LL  my\u200bself!! bye"
    (mention,) = CRISIS.find([text])[0]
    assert text[mention.first : mention.last] == "K1LL  my\u200bself"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n\n",
        "🎉🎉🎉",
        "\x00\x00",
        "\ud800\udfff",
        "\u202eeid ot tnaw i\u202c",
        "مرحبا كيف حالك",
        "今天天氣很好",
        "'\"([{",
        "* * *",
        "- - -",
    ],
)
def test_hostile_or_foreign_text_gives_no_mention(text: str) -> None:
    assert CRISIS.find([text]) == [[]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["a", "a ", "want to ", "not ", "want want ", "\n", "k*", '" ', "s u i ", ". a ", "die "]
)
def test_long_text_of_one_unit_is_answered(unit: str) -> None:
    text = unit * (2**16 // len(unit))
    assert isinstance(CRISIS.find([text])[0], list)


def test_a_mebibyte_of_one_letter_gives_no_mention() -> None:
    assert CRISIS.find(["a" * 2**20]) == [[]]


def test_statement_is_found_behind_a_long_text() -> None:
    text = "word " * 100_000 + "i want to kill myself"
    (mention,) = CRISIS.find([text])[0]
    assert text[mention.first : mention.last] == "kill myself"
    assert mention.state == "raised"


@pytest.mark.parametrize("text", ["Suicidal. Suicidal. Suicidal.", "k m s k m s", "Kms. Kms. Kms."])
def test_a_stretch_of_several_words_is_one_mention_of_a_phrase(text: str) -> None:
    mentions = CRISIS.find([f"today {text} why"])[0]
    assert len({(one.phrase, one.first) for one in mentions}) == len(mentions)
    assert {one.state for one in mentions} == {"raised"}


def test_the_longest_of_a_chain_of_matches_removes_only_those_that_it_overlaps(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(
        "".join(
            f'[[phrases]]\nphrase = "{phrase}"\ncriterion = "suicidal"\nwhy = "test"\n'
            for phrase in ("blue moon", "moon over grey sea", "grey sea and a red sun tonight")
        ),
        encoding="utf-8",
    )
    (mentions,) = CrisisList.read(path).find(["Blue moon over grey sea and a red sun tonight"])
    assert [one.phrase for one in mentions] == ["blue moon", "grey sea and a red sun tonight"]


def test_each_text_gets_its_own_row_in_order() -> None:
    rows = CRISIS.find(["fine", "i want to die", "fine", "i am suicidal"])
    assert [len(row) for row in rows] == [0, 1, 0, 1]


def test_neutral_comments_raise_at_most_three_in_a_thousand() -> None:
    path = DATA / "external" / "goemotions_train_dev.parquet"
    if not path.exists():
        pytest.skip(f"no {path}: set RISK_MONITOR_DATA to the data folder")
    pl = pytest.importorskip("polars")
    texts = pl.read_parquet(path).filter(pl.col("ekman") == "neutral")["text"].to_list()[:4000]
    raised = sum(any(mention.state == "raised" for mention in row) for row in CRISIS.find(texts))
    assert raised <= 0.003 * len(texts)

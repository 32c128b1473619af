"""The symptom corpus: rows that are read and refused, splits by hand, and the targets made of labels."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.corpora.sources import FLAT, twin_key
from monitor.corpora.symptoms import (
    EMBEDDED,
    EMBEDDED_FOLDER,
    build,
    counts_table,
    load_symptoms,
    read_symptoms,
)
from monitor.errors import DataError
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS

HIT = {"text": "i lie awake", "criteria": ["sleep"], "severity": 2, "kind": "present", "emotion": "sadness"}
MISS = {"text": "slept like a log", "criteria": [], "severity": 0, "kind": "positive"}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_are_read_with_their_labels(tmp_path: Path) -> None:
    texts = read_symptoms(write(tmp_path / "a.jsonl", HIT, MISS | {"hand": "x"}))
    assert texts.texts == ("i lie awake", "slept like a log")
    assert texts.shown.sum() == texts.shown[0, CRITERIA.index("sleep")] == 1
    assert texts.severity.tolist() == [2, 0]
    assert texts.kinds == ("present", "positive")
    assert texts.emotions == ("sadness", None)
    assert texts.hands == ("", "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": " "}, "text is empty or not a string"),
        ({"text": 3}, "text is empty or not a string"),
        ({"criteria": ["sleeep"]}, r"criteria \['sleeep'\]: give a list of mood"),
        ({"criteria": "sleep"}, "criteria 'sleep': give a list"),
        ({"criteria": ["sleep", "sleep"]}, "criteria .*: a name occurs twice"),
        ({"severity": 0}, "severity 0: give 1, 2 or 3 where there are criteria, else 0"),
        ({"severity": 4}, "severity 4"),
        ({"severity": True}, "severity True"),
        ({"criteria": []}, "severity 2"),
        ({"kind": "other"}, "kind 'other': give one of present"),
        ({"emotion": "disgust"}, "emotion 'disgust': give one of sadness"),
        ({"hand": 3}, "hand 3: not a string"),
    ],
)
def test_a_wrong_row_is_named_in_one_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.jsonl", MISS, HIT | change)
    with pytest.raises(DataError, match=rf"a\.jsonl, row 2: {message}") as refused:
        read_symptoms(path)
    assert "\n" not in str(refused.value)


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{")
    with pytest.raises(DataError, match="row 1: not JSON"):
        read_symptoms(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text('{"severity": 0, "severity": 1}')
    with pytest.raises(DataError, match="row 1: the same key twice in a JSON object; keep one"):
        read_symptoms(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text("[]\n")
    with pytest.raises(DataError, match="row 1: not a JSON object"):
        read_symptoms(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no rows"):
        read_symptoms(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_bytes(b"\xff")
    with pytest.raises(DataError, match="UTF-8"):
        read_symptoms(tmp_path / "a.jsonl")
    for damaged in (b"no gzip", gzip.compress(b"{}")[:-3]):
        (tmp_path / "a.jsonl.gz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.jsonl\.gz: cannot be read"):
            read_symptoms(tmp_path / "a.jsonl.gz")
    with pytest.raises(DataError, match="no such file or folder"):
        load_symptoms(tmp_path / "none")
    with pytest.raises(DataError, match=r"give one train\.jsonl or train\.jsonl\.gz"):
        load_symptoms(tmp_path)


def test_a_single_file_holds_out_the_same_tenth_each_time(tmp_path: Path) -> None:
    rows = [HIT | {"text": f"i lie awake on night {k}"} for k in range(400)]
    path = write(tmp_path / "a.jsonl", *rows)
    splits = load_symptoms(path)
    assert 20 <= len(splits["validation"]) <= 60
    assert len(splits["train"]) + len(splits["validation"]) == 400
    again = load_symptoms(write(tmp_path / "b.jsonl", *reversed(rows)))
    assert set(again["validation"].texts) == set(splits["validation"].texts)


def test_targets_follow_severity_and_emotion(tmp_path: Path) -> None:
    rows = [HIT, MISS, HIT | {"severity": 1, "emotion": "none"}, MISS | {"kind": "past"}]
    examples = read_symptoms(write(tmp_path / "a.jsonl", *rows)).examples((0.4, 0.7, 0.9))
    sleep, any_ = ANSWERS.index("sleep"), ANSWERS.index("any")
    assert examples.criteria[:, sleep].tolist() == pytest.approx([0.7, 0, 0.4, 0])
    assert examples.criteria[:, any_].tolist() == pytest.approx([0.7, 0, 0.4, 0])
    assert examples.criteria.sum() == pytest.approx(2.2)
    assert examples.criteria_weights.tolist() == [1] * 4
    assert examples.weights.tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(examples.targets.sum(axis=1), 1, atol=1e-6)
    assert examples.targets[0, EMOTIONS.index("sadness")] == pytest.approx(0.88 + 0.12 / 6)
    assert examples.targets[1].argmax() == EMOTIONS.index("joy")
    np.testing.assert_allclose(examples.targets[2], FLAT)


@pytest.mark.parametrize(
    ("criteria", "severity", "likeliest"),
    [
        (["mood"], 3, "sadness"),
        (["irritable"], 2, "anger"),
        (["psychomotor"], 2, "fear"),
        (["worth", "irritable"], 2, "sadness"),
        (["irritable", "sleep"], 3, "anger"),
        (["energy"], 1, "sadness"),
    ],
)
def test_a_text_without_an_emotion_gets_what_its_criteria_suggest(
    tmp_path: Path, criteria: list[str], severity: int, likeliest: str
) -> None:
    row = {"text": "a", "criteria": criteria, "severity": severity, "kind": "present"}
    target = read_symptoms(write(tmp_path / "a.jsonl", row)).examples().targets[0]
    assert EMOTIONS[int(target.argmax())] == likeliest
    assert target.sum() == pytest.approx(1)


def test_the_corpus_is_built_by_hand_without_repeats_and_twice_the_same(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    (out / "README.md").write_text("a\n<!-- counts -->\nold\n<!-- end of counts -->\nb\n")
    write(source / "written_a.jsonl", HIT, MISS, HIT | {"text": "I lie awake!"})
    write(source / "written_d.jsonl", MISS | {"text": "a quiet night"})
    write(source / "written_o.jsonl", HIT)
    splits = build([source], out)
    assert {name: texts.texts for name, texts in splits.items()} == {
        "train": ("slept like a log",),
        "validation": ("a quiet night",),
        "test": ("i lie awake",),
    }
    assert splits["test"].hands == ("o",)
    card = (out / "README.md").read_text()
    assert counts_table(splits) in card
    assert card.startswith("a\n")
    assert "old" not in card
    before = [file.read_bytes() for file in sorted(out.iterdir())]
    build([source], out)
    assert [file.read_bytes() for file in sorted(out.iterdir())] == before
    with pytest.raises(DataError, match=r"no file written_HAND\.jsonl"):
        build([out], out)


def test_the_packages_corpus_is_whole_small_and_split_by_hand() -> None:
    splits = load_symptoms(EMBEDDED)
    assert sum(map(len, splits.values())) >= 10_000
    assert sum(file.stat().st_size for file in EMBEDDED_FOLDER.iterdir()) < 2_000_000
    hands = [set(texts.hands) for texts in splits.values()]
    assert not hands[0] & hands[1] | hands[0] & hands[2] | hands[1] & hands[2]
    assert hands[2] == {"o", "p"}
    keys = [twin_key(text) for texts in splits.values() for text in texts.texts]
    assert len(set(keys)) == len(keys)
    for texts in splits.values():
        assert (texts.shown.sum(axis=0) >= 15).all()
        assert (texts.severity == 0).sum() > 0.3 * len(texts)
    card = (EMBEDDED_FOLDER / "README.md").read_text(encoding="utf-8")
    assert counts_table(splits) in card

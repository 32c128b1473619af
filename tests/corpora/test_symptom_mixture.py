"""An epoch of the symptoms question: own texts, composites, other sources; the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from monitor.corpora.mixture import Mixture, MixtureSettings
from monitor.corpora.sources import FLAT, Comments, read_comments, read_distilled, read_isear, read_semeval
from monitor.corpora.splits import Split
from monitor.corpora.symptom_mixture import SymptomMixture, SymptomSettings, calm_texts, topic_examples
from monitor.corpora.symptoms import SymptomTexts, read_symptoms
from monitor.errors import DataError
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS

CALM = ["what a day. the bus was late! we had soup", "see you at ten"]


def symptom_texts(folder: Path) -> SymptomTexts:
    rows = [
        {"text": f"i lie awake, night {k}", "criteria": ["sleep"], "severity": 1 + k % 3, "kind": "present"}
        for k in range(6)
    ]
    rows += [
        {"text": f"slept, and well, on night {k}", "criteria": [], "severity": 0, "kind": "positive"}
        for k in range(6)
    ]
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_symptoms(path)


def test_own_texts_are_repeated_and_some_lose_their_marks(tmp_path: Path) -> None:
    settings = SymptomSettings(repeats=3, bare=0.5)
    drawn = SymptomMixture(symptom_texts(tmp_path), (), (), (), settings)
    epoch = drawn.epoch(0)
    assert len(epoch.texts) == 36
    assert 5 < sum("," not in text for text in epoch.texts) < 31
    assert drawn.epoch(0).texts == epoch.texts
    assert drawn.epoch(1).texts != epoch.texts


def test_composites_join_symptom_texts_with_calm_sentences(tmp_path: Path) -> None:
    texts = symptom_texts(tmp_path)
    settings = SymptomSettings(repeats=1, bare=0, composites=300)
    epoch = SymptomMixture(texts, CALM, (), (), settings).epoch(0)
    sleep, any_ = ANSWERS.index("sleep"), ANSWERS.index("any")
    composites = range(12, 312)
    calm, hits, long = 0, 0, 0
    for row in composites:
        text, shown = epoch.texts[row], "i lie awake" in epoch.texts[row]
        assert shown or "slept" in text
        assert (epoch.criteria[row, sleep] > 0.3) == shown
        assert epoch.criteria[row, any_] >= epoch.criteria[row, sleep] - 1e-6
        hits += text.count("i lie awake") > 1
        calm += any(sentence in text for sentence in ("the bus was late!", "we had soup", "see you at ten"))
        long += len(text.split()) > 20
    assert hits > 50
    assert calm > 150
    assert long > 30
    assert epoch.criteria.max() <= 0.98
    assert epoch.criteria_weights.tolist() == [1] * 312
    np.testing.assert_allclose(epoch.targets.sum(axis=1), 1, atol=1e-5)


def test_sources_are_drawn_whole_or_in_part(tmp_path: Path) -> None:
    whole = topic_examples(["therapy again"], 0.6)
    part = topic_examples([f"depressed {k}" for k in range(50)], 0.6)
    settings = SymptomSettings(repeats=1)
    drawn = SymptomMixture(symptom_texts(tmp_path), (), [(whole, 2)], [(part, 10)], settings)
    epoch = drawn.epoch(0)
    assert len(epoch.texts) == 12 + 2 + 10
    assert epoch.criteria_weights[12:].tolist() == [0] * 12
    assert epoch.targets[12, EMOTIONS.index("sadness")] == pytest.approx(0.6 + 0.4 / 6)
    assert len(set(epoch.texts[14:])) == 10
    assert len(drawn.texts) == 12 + 1 + 50


def test_composites_without_filling_or_texts_are_refused(tmp_path: Path) -> None:
    texts = symptom_texts(tmp_path)
    for own, calm in ((texts, ()), (texts.select(texts.severity > 0), CALM)):
        with pytest.raises(DataError, match=r"symptoms\.composites"):
            SymptomMixture(own, calm, (), (), SymptomSettings(composites=5))


def test_isear_and_semeval_are_cast_to_the_six_emotions(tmp_path: Path) -> None:
    rows = {"text": ["a", "b", "c"], "emotion": ["disgust", "guilt", "joy"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "isear.parquet")
    isear = read_isear(tmp_path / "isear.parquet")
    assert isear.targets[0].argmax() == EMOTIONS.index("anger")
    assert isear.targets[1] == pytest.approx([0.7, 0, 0, 0.1, 0.2, 0])
    assert isear.criteria_weights.tolist() == [1, 0, 1]
    tweets = {
        "split": ["train", "train", "train", "dev"],
        "text": ["a", "b", "c", "d"],
        "labels": ["joy,optimism,trust", "sadness,anger", "", "joy"],
    }
    pl.DataFrame(tweets).write_parquet(tmp_path / "semeval.parquet")
    semeval = read_semeval(tmp_path / "semeval.parquet")
    assert list(semeval.texts) == ["a", "b", "c"]
    assert semeval.targets[0] == pytest.approx([0, 2 / 3, 1 / 3, 0, 0, 0])
    assert semeval.targets[1] == pytest.approx([0.5, 0, 0, 0.5, 0, 0])
    np.testing.assert_allclose(semeval.targets[2], FLAT)
    assert semeval.criteria_weights.tolist() == [1, 0, 0]
    pl.DataFrame({"text": ["a"], "emotion": ["boredom"]}).write_parquet(tmp_path / "odd.parquet")
    with pytest.raises(DataError, match=r"unknown labels \['boredom'\]"):
        read_isear(tmp_path / "odd.parquet")
    with pytest.raises(DataError, match="no row of split 'test'"):
        read_semeval(tmp_path / "semeval.parquet", "test")


def test_distilled_answers_are_shares_of_255(tmp_path: Path) -> None:
    columns = {"text": ["calm", "low"]} | {name: [51, 0] for name in EMOTIONS} | {"sadness": [0, 255]}
    columns |= {f"s_{name}": [0, 255] for name in ANSWERS} | {f"d_{name}": [0, 51] for name in ANSWERS}
    pl.DataFrame(columns).cast({pl.Int64: pl.UInt8}).write_parquet(tmp_path / "posts.parquet")
    plain, other = (read_distilled(tmp_path / "posts.parquet", prefix) for prefix in ("s_", "d_"))
    assert plain.criteria.tolist() == [[0] * 12, [1] * 12]
    assert other.criteria[1] == pytest.approx([0.2] * 12)
    np.testing.assert_allclose(plain.targets.sum(axis=1), 1, atol=1e-6)
    pl.DataFrame(columns).drop(f"d_{ANSWERS[0]}").write_parquet(tmp_path / "units.parquet")
    assert read_distilled(tmp_path / "units.parquet", "d_").criteria[1] == pytest.approx([1] * 12)
    assert calm_texts(["see you"], plain) == ["see you", "calm"]
    pl.DataFrame({"text": ["a"]}).write_parquet(tmp_path / "bare.parquet")
    with pytest.raises(DataError, match="column sadness: missing"):
        read_distilled(tmp_path / "bare.parquet")


def test_calm_comments_show_no_criterion_and_others_are_unknown(tmp_path: Path) -> None:
    rows = [("train", "ok", "neutral"), ("train", "yay", "joy"), ("train", "sorry", "remorse")]
    path = tmp_path / "comments.parquet"
    pl.DataFrame(rows, schema=["split", "text", "labels"], orient="row").write_parquet(path)
    comments: Comments = read_comments(path)
    assert comments.calm.tolist() == [True, True, False]
    corpus = Split(("i feel low",), np.array([0]))
    settings = MixtureSettings(extra=False, punctuate=0, shorten=0, surround=0)
    epoch = Mixture([corpus], comments, settings).epoch(0)
    weights = dict(zip(epoch.texts, epoch.criteria_weights.tolist(), strict=True))
    assert weights == {"i feel low": 0, "ok": 1, "yay": 1, "sorry": 0}
    assert not epoch.criteria.any()


def test_lead_ins_are_dropped_or_negated_with_their_targets() -> None:
    sad, joy = EMOTIONS.index("sadness"), EMOTIONS.index("joy")
    corpus = Split(tuple(f"i feel {('low', 'glad')[k % 2]} {k}" for k in range(60)), np.array([sad, joy] * 30))
    plain = {"extra": False, "punctuate": 0.0, "shorten": 0.0, "surround": 0.0, "neutral": 0, "emotional": 0}
    dropped = Mixture([corpus], None, MixtureSettings(**plain, drop=1.0)).epoch(0)
    assert dropped.texts[0] == "low 0"
    np.testing.assert_array_equal(dropped.targets, np.eye(6, dtype=np.float32)[corpus.labels])
    negated = Mixture([corpus], None, MixtureSettings(**plain, negate=1.0)).epoch(0)
    assert not any(text.startswith("i feel low") for text in negated.texts)
    assert negated.targets[0].argmax() == joy
    assert negated.targets[1].argmax() == sad
    assert negated.targets[:, joy].max() < 0.5
    kept = Split(("i feel not so low", "i feel odd"), np.array([sad, EMOTIONS.index("surprise")]))
    assert Mixture([kept], None, MixtureSettings(**plain, negate=1.0)).epoch(0).texts == list(kept.texts)
    assert len(CRITERIA) == 11

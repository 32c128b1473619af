"""What the built-in model promises: odd texts get a flat answer, plain ones a sure one, and it stays small."""

import re

import numpy as np
import polars as pl
import pytest

from monitor import ROOT
from monitor.database.evaluation_file import EVALUATION_COLUMNS
from monitor.labels import CRITERIA, EMOTIONS, confidence
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer

ASSETS = ROOT / "monitor" / "assets"
UNKNOWING = {
    "nothing": "",
    "white space": " \n\t ",
    "emoji": "🙂🙂🙂",
    "a link": "https://example.org/a?b=c",
    "Chinese": "今天天气很好,我们去公园散步",
    "Russian": "мне очень грустно сегодня",
    "Arabic": "مرحبا كيف حالك",
    "Spanish": "Me siento muy triste hoy",
    "control characters": "\x00\x01\x02\x1b[31m",
    "special tokens typed": "</s><s><|emotion|>",
    "stacked marks": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉",
    "a timetable": "The bus leaves at 10:15 from stop 4.",
    "100 kB of a letter": "x" * 100_000,
    "100 kB of a word": "word " * 20_000,
}


@pytest.fixture(scope="module")
def scorer() -> LabelScorer:
    return LabelScorer(load_model("embedded", device="cpu"))


@pytest.mark.parametrize("kind", UNKNOWING)
def test_no_criterion_is_seen_where_nothing_is_said(scorer: LabelScorer, kind: str) -> None:
    scores = scorer.score([UNKNOWING[kind]])
    limits = scorer.model.criteria_limits
    assert limits is not None
    assert scores.criteria is not None
    assert scores.any is not None
    assert np.isfinite(scores.criteria).all()
    assert (scores.criteria[0] <= [limits[name] for name in CRITERIA]).all()
    assert scores.any[0] <= limits["any"]


@pytest.mark.parametrize("kind", UNKNOWING)
def test_a_text_that_shows_no_emotion_gets_a_flat_answer(scorer: LabelScorer, kind: str) -> None:
    scores = scorer.score([UNKNOWING[kind]])
    assert np.isfinite(scores.probabilities).all()
    assert scores.probabilities.sum() == pytest.approx(1)
    assert confidence(scores.probabilities)[0] < 0.2
    assert not scores.truncated.any(), "one word over and over is read as the same word three times"


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I feel so sad and lonely", "sadness"),
        ("im feeling happy today", "joy"),
        ("i feel furious about it", "anger"),
        ("I am terrified.", "fear"),
    ],
)
def test_a_plain_text_gets_a_sure_answer(scorer: LabelScorer, text: str, emotion: str) -> None:
    probabilities = scorer.score([text]).probabilities
    assert EMOTIONS[probabilities[0].argmax()] == emotion
    assert confidence(probabilities)[0] > 0.5


@pytest.mark.parametrize(
    ("text", "criteria"),
    [
        ("I want to die.", {"suicidal"}),
        ("I can't sleep at all lately, up at four every night", {"sleep"}),
        ("Nothing is fun anymore and I hate myself", {"interest", "worth"}),
        ("What a lovely day at the beach", set()),
        ("My brother says he wants to die", set()),
        ("I slept like a log and feel great", set()),
    ],
)
def test_a_plain_text_shows_its_criteria_and_no_other(scorer: LabelScorer, text: str, criteria: set[str]) -> None:
    scores, limits = scorer.score([text]), scorer.model.criteria_limits
    assert limits is not None
    assert scores.criteria is not None
    assert {name for name, p in zip(CRITERIA, scores.criteria[0], strict=True) if p > limits[name]} == criteria


def test_it_comes_with_its_own_measurements(scorer: LabelScorer) -> None:
    assert scorer.model.evaluation is not None
    measured = pl.read_csv(scorer.model.evaluation, schema=EVALUATION_COLUMNS)
    assert set(measured["model_id"]) == {scorer.model.model_id}
    own = measured.filter(method="fine_tuned", split="test").select("metric", "value")
    found = dict(own.iter_rows())
    assert found["accuracy"] == pytest.approx(0.939, abs=0.001)
    assert found["macro_f1"] == pytest.approx(0.907, abs=0.001)


def test_its_card_says_what_was_measured(scorer: LabelScorer) -> None:
    card = (ASSETS / "emotion-llama" / "README.md").read_text(encoding="utf-8")
    assert scorer.model.evaluation is not None
    measured = pl.read_csv(scorer.model.evaluation, schema=EVALUATION_COLUMNS).filter(method="fine_tuned")
    shown = {
        (split, metric): (f"{value:.3f}", f"{value:.3f} ({lo:.3f}–{hi:.3f})")
        for split, metric, value, lo, hi in measured.select("split", "metric", "value", "lo", "hi").iter_rows()
    }
    names = ("accuracy", "macro_f1", "ece", "brier", "risk_macro_f1", "risk_auroc", "risk_pr_auc")
    rows = [row.split(" | ") for row in re.findall(r"^\| (.* \| [0-9.]+ \(.*\)) \|$", card, re.M)]
    assert [row[1:] for row in rows[: len(names)]] == [
        [shown[split, name][1] for split in ("test", "test_deduplicated")] for name in names
    ]
    by_emotion = dict(re.findall(r"(\w+) (0\.\d{3})", card[card.index("F1 by emotion") :].split("The temp")[0]))
    assert by_emotion == {emotion: shown["test", f"f1_{emotion}"][0] for emotion in EMOTIONS}


def test_all_assets_stay_under_20_megabytes() -> None:
    assert sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file()) < 20_000_000

"""What a network in training answers to texts that nothing was trained on; no test.

Its answers are not calibrated. Limits of the criteria are taken from neutral comments and everyday posts, as
calibration does. tests/scoring/measure_signal.py measures a model folder.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import rankdata

from monitor.corpora.contrasts import read_contrasts
from monitor.corpora.examples import Examples
from monitor.corpora.sources import read_comments
from monitor.corpora.splits import Split
from monitor.corpora.symptoms import SymptomTexts
from monitor.demo.feed import ASSETS, demo_feed_path
from monitor.evaluation.fifths import fifths
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS
from monitor.model.calibration import everyday_limits, neutral_limits
from monitor.model.prompts import PromptEncoder
from monitor.scoring.loading import multiplies_bf16
from monitor.training.answers import label_log_likelihoods, symptom_logits
from tests.scoring.probe_sentences.lists import LISTS, Probes
from tests.training.forum_halves import is_trained_on
from tests.training.readings import read_readings

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
SUICIDAL, ANY = CRITERIA.index("suicidal"), ANSWERS.index("any")
TEXTS = 2500  # of an external set


class Reader:
    """What a network answers, not calibrated."""

    def __init__(self, network: Any, encoder: PromptEncoder) -> None:
        self.network, self.encoder = network, encoder

    def emotions(self, texts: Sequence[str]) -> Floats:
        """(n, 6) probabilities."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=multiplies_bf16()):
            scores = label_log_likelihoods(self.network, self.encoder, texts, batch=256)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def high(self, texts: Sequence[str]) -> Floats:
        """P(sadness), (n,)."""
        return self.emotions(texts)[:, EMOTIONS.index("sadness")]

    def criteria(self, texts: Sequence[str]) -> Floats:
        """(n, 12) probabilities."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=multiplies_bf16()):
            logits = symptom_logits(self.network, self.encoder, texts, batch=256)
        return np.asarray(1 / (1 + np.exp(-logits)))

    def answers(self, texts: list[str]) -> Examples:
        """The texts with these answers as targets of both questions."""
        ones = np.ones(len(texts), np.float32)
        emotions, criteria = (part.astype(np.float32) for part in (self.emotions(texts), self.criteria(texts)))
        return Examples(texts, emotions, ones, criteria, ones)


def area(positive: Bools, scores: npt.NDArray[np.floating]) -> float:
    """The AUROC; ties count half."""
    ranks = rankdata(scores)
    n, hits = len(positive), int(positive.sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (n - hits)))


def area_within_fifths(positive: Bools, scores: npt.NDArray[np.floating], texts: Sequence[str]) -> float:
    """The mean of the AUROCs within fifths of the texts' words, each weighted by its pairs."""
    lengths = np.array([len(text.split()) for text in texts], np.float64)
    groups = [rows for rows in fifths(lengths) if 0 < positive[rows].sum() < len(rows)]
    pairs = [float(positive[rows].sum() * (~positive[rows]).sum()) for rows in groups]
    return float(np.average([area(positive[rows], scores[rows]) for rows in groups], weights=pairs))


def measure(reader: Reader, test: Split, written: SymptomTexts, everyday: Sequence[str], data: Path) -> None:
    """Print everything.

    Args:
        reader: of the network.
        test: the emotion corpus' test split.
        written: test texts of the symptom corpus.
        everyday: posts, for limits.
        data: the folder that holds `external`.
    """
    print_corpus(reader, test)
    print_external(reader, data / "external")
    print_readings(reader, data)
    comments = read_comments(data / "external" / "goemotions_train_dev.parquet", "dev")
    neutral = [comments.texts[row] for row in np.flatnonzero(comments.neutral)]
    half = len(neutral) // 2
    limits = np.maximum(neutral_limits(reader.criteria(neutral[:half])), everyday_limits(reader.criteria(everyday)))
    print_limits(reader, limits, neutral[half:], everyday)
    hand = written.select(np.array([name == "o" for name in written.hands], np.bool_))
    seen = (reader.criteria(hand.texts) > limits).any(axis=1)
    shares = " ".join(f"{seen[hand.severity == grade].mean():.3f}" for grade in range(4))
    dark = reader.high([text for text, grade in zip(hand.texts, hand.severity, strict=True) if grade == 3])
    print(f"  hand o, seen by severity 0 to 3: {shares}; P(high) of the severe {dark.mean():.2f}")
    for name, probes in LISTS.items():
        print_probes(reader, limits, name, probes)
    print_demo(reader, limits)


def print_demo(reader: Reader, limits: Floats) -> None:
    """How many texts of the demo feed, which no one trains on, pass the limit of P(suicidal), by what they are."""
    with gzip.open(demo_feed_path(), "rt", encoding="utf-8") as file:
        texts = {row["doc_id"]: row["text"] for row in csv.DictReader(file)}
    with gzip.open(ASSETS / "demo_intents.csv.gz", "rt", encoding="utf-8") as file:
        intents = {row["doc_id"]: row["intent"] for row in csv.DictReader(file)}
    suicidal = reader.criteria(list(texts.values()))[:, SUICIDAL]
    intent_of = np.array([intents[doc_id] for doc_id in texts])
    parts = []
    for intent in sorted(set(intent_of)):
        own = suicidal[intent_of == intent]
        parts.append(f"{intent} {int((own > limits[SUICIDAL]).sum())} of {len(own)} (at most {own.max():.2f})")
    print("  demo feed, P(suicidal) above its limit:", "; ".join(parts), flush=True)


def print_corpus(reader: Reader, test: Split) -> None:
    """Accuracy and macro-F1."""
    told, scores = reader.emotions(test.texts).argmax(axis=1), []
    for k in range(len(EMOTIONS)):
        hits = ((told == k) & (test.labels == k)).sum()
        scores.append(2 * hits / max(1, (told == k).sum() + (test.labels == k).sum()))
    print(f"  canonical: accuracy {np.mean(told == test.labels):.4f}, macro-F1 {np.mean(scores):.4f}")


def print_external(reader: Reader, folder: Path) -> None:
    """AUROCs over all texts and, in brackets, within fifths of length; without the forums' training half."""
    for contrast in read_contrasts(folder):
        if contrast.source.startswith("support_forums"):
            contrast = contrast.without(np.array([is_trained_on(text) for text in contrast.texts], np.bool_))
        contrast = contrast.sample(TEXTS)
        criteria = reader.criteria(contrast.texts)
        columns = {"p_any": criteria[:, ANY], "p_suicidal": criteria[:, SUICIDAL]}
        if "p_high" in contrast.scores:
            columns["p_high"] = reader.high(contrast.texts)
        told = []
        for name in contrast.scores:
            within = area_within_fifths(contrast.positive, columns[name], contrast.texts)
            told.append(f"{name} {area(contrast.positive, columns[name]):.3f} ({within:.3f})")
        print(f"  {contrast.name} ({int(contrast.positive.sum())} of {len(contrast.texts)}): {'; '.join(told)}")


def print_readings(reader: Reader, data: Path) -> None:
    """AUROCs against what careful readers say of real passages, the part that nothing is trained on."""
    read = read_readings(data)
    read = read.select(read.held)
    criteria, shown = reader.criteria(read.texts), read.grades.max(axis=1) >= 1
    columns = {"p_high": reader.high(read.texts), "p_any": criteria[:, ANY]}
    told = [f"{name} {area(shown, values):.3f}" for name, values in columns.items()]
    for least in (1, 2):
        grave = read.grades[:, SUICIDAL] >= least
        told.append(f"suicidal {least} and above ({int(grave.sum())}) {area(grave, criteria[:, SUICIDAL]):.3f}")
    print(f"  readings, any criterion ({int(shown.sum())} of {len(shown)}): {'; '.join(told)}")


def print_limits(reader: Reader, limits: Floats, neutral: Sequence[str], everyday: Sequence[str]) -> None:
    """How many ordinary texts pass the limits, and the limits."""
    passing, high = reader.criteria(neutral) > limits, reader.high(neutral)
    usual = reader.criteria(everyday) > limits
    print(
        f"  neutral comments: seen {passing.any(axis=1).mean():.4f}, suicidal {passing[:, SUICIDAL].mean():.4f}, "
        f"high {np.mean(high > 0.5):.4f}; everyday posts: seen {usual.any(axis=1).mean():.4f}"
    )
    print("  limits:", ", ".join(f"{name} {limit:.3f}" for name, limit in zip(ANSWERS, limits, strict=True)))


def print_probes(reader: Reader, limits: Floats, name: str, probes: Probes) -> None:
    """What is seen of one list of sentences."""

    def passing(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        return np.asarray(reader.criteria(texts) > limits)

    grades = [reader.criteria(texts)[:, ANY] for texts in probes.graded]
    seen = [int(passing(texts).any(axis=1).sum()) for texts in probes.graded]
    rising = int(((grades[0] < grades[1]) & (grades[1] < grades[2])).sum())
    high = "/".join(f"{reader.high(texts).mean():.2f}" for texts in probes.graded)
    crisis = passing(probes.crisis)
    right = (passing(probes.negations).any(axis=1) | (reader.high(probes.negations) > 0.5)) == np.array(probes.low)
    print(
        f"  list {name}: seen {sum(seen)} of 63 ({'/'.join(map(str, seen))}), rising {rising} of 21, high {high}; "
        f"crisis {int(crisis.any(axis=1).sum())} (suicidal {int(crisis[:, SUICIDAL].sum())}) of 10; negations "
        f"{int(right.sum())} of 8; others {int(passing(probes.others).any(axis=1).sum())} of {len(probes.others)}; "
        f"ordinary {int(passing(probes.neutral).any(axis=1).sum())} of {len(probes.neutral)}",
        flush=True,
    )

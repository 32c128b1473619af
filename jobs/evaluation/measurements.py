"""Measure every method on both splits, compare methods, and find where the main method is weak.

The functions return plain JSON. metrics.json holds it, and the report is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.evaluation.methods import MethodResult
from monitor.corpora.ambiguous_words import SharedWords
from monitor.corpora.splits import Split, repeats, text_key, unseen
from monitor.evaluation.baselines import Answers
from monitor.evaluation.metrics import Measurement, average, measure
from monitor.evaluation.ranking_curves import ranking_curve
from monitor.evaluation.segments import has_feel, segments, worst
from monitor.evaluation.significance import mcnemar, paired_bootstrap
from monitor.labels import EMOTIONS, RISKS, RiskMap

TEST, DEDUPLICATED = "test", "test_deduplicated"
FAMILIES = ("zero_shot", "few_shot", "fine_tuned")
COMPARED = {"emotion": ("accuracy", "macro_f1", "log_loss"), "risk": ("macro_f1", "auroc")}
TITLES = {
    "majority": "majority class",
    "tfidf_svm": "TF-IDF + LinearSVC",
    "zero_shot": "zero-shot",
    "fine_tuned": "fine-tuned (LoRA)",
    "generate": "zero-shot, generated and parsed",
    "generate_fine_tuned": "fine-tuned, generated and parsed",
}
MISTAKES, PAIRS = 10, 5
Json = dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """One method's result and its measurements by split.

    answers: the answers that charts and McNemar's test use. They are those of the only draw, or of the draw with the
    median macro-F1 (median accuracy if macro-F1 is undefined). None if the method has no answers.
    """

    result: MethodResult
    model: str = ""
    model_id: str | None = None
    emotion: Mapping[str, Measurement] = field(default_factory=dict)
    risk: Mapping[str, Measurement] = field(default_factory=dict)
    draws: tuple[Json, ...] = ()
    answers: Answers | None = None

    @property
    def id(self) -> str:
        """The key, followed by the start of the model_id if the method has a model."""
        return self.result.key + (f"@{self.model_id[:8]}" if self.model_id else "")

    @property
    def title(self) -> str:
        """The method's name in reports."""
        plain = self.result.key.removesuffix("_calibrated")
        title = TITLES.get(plain) or f"few-shot, {plain.removeprefix('few_shot_')} a label"
        return title + (", calibrated" if plain != self.result.key else "")

    def to_json(self) -> Json:
        """This method's entry in metrics.json."""
        result, on_test = self.result, self.emotion.get(TEST)
        generated = on_test is not None and result.key.startswith("generate")
        unparseable = int(on_test.unanswered.sum()) if on_test and generated else None
        return {
            "id": self.id,
            "key": result.key,
            "title": self.title,
            "model": self.model,
            "model_id": self.model_id,
            "reason": result.reason,
            "texts_per_second": result.texts_per_second,
            "peak_memory_mb": result.peak_bytes and result.peak_bytes / 2**20,
            "peak_memory_of": result.peak_where,
            "truncated": result.truncated,
            "unparseable": unparseable,
            "unparseable_share": None if unparseable is None or not on_test else unparseable / on_test.n,
            "draws": list(self.draws),
            "emotion": {split: measurement.to_json() for split, measurement in self.emotion.items()},
            "risk": {split: measurement.to_json() for split, measurement in self.risk.items()},
        }


@dataclass(frozen=True)
class Evaluator:
    """Measures every method of one evaluation on the same test texts.

    rows: by name of a split, a mask over the n test texts, shape (n,). undecided: mask of the texts that only a word
    of two emotions decides, shape (n,); None without a train split.
    """

    test: Split
    rows: Mapping[str, npt.NDArray[np.bool_]]
    risk_map: RiskMap
    resamples: int
    seed: int
    undecided: npt.NDArray[np.bool_] | None = None

    def measure(
        self,
        result: MethodResult,
        model: str,
        model_id: str | None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Measured:
        """Measure one method. Several draws are averaged, and their spread is kept."""
        if not result.draws:
            return Measured(result, model, model_id)
        measured = []
        for answers in result.draws:
            measured.append(self._draw(answers))
            progress(len(self.test))
        ranks = [_rank(draw["emotion"][TEST]) or 0.0 for draw in measured]
        median = int(np.argsort(ranks, kind="stable")[(len(ranks) - 1) // 2])
        draws = tuple(
            {
                **about,
                "macro_f1": draw["emotion"][TEST].metrics["macro_f1"].value,
                "risk_macro_f1": draw["risk"][TEST].metrics["macro_f1"].value,
                "shown": number == median,
            }
            for number, (about, draw) in enumerate(zip(result.about, measured, strict=False))
        )
        emotion, risk = (
            {split: average([draw[kind][split] for draw in measured], median) for split in self.rows}
            for kind in ("emotion", "risk")
        )
        return Measured(result, model, model_id, emotion, risk, draws, result.draws[median])

    def kinds(self, answers: Answers) -> dict[str, tuple[Any, Any, Any, Any]]:
        """Labels, predictions, class names and probabilities, for emotions and for risks.

        The predicted risk has the largest summed probability; without probabilities it is that of the predicted
        emotion.
        """
        p = answers.probabilities
        p_risk = None if p is None else self.risk_map.risk_probabilities(p)
        level = np.append(self.risk_map.risk_of(np.arange(len(EMOTIONS))), len(RISKS))
        risk = level[answers.predicted] if p_risk is None else p_risk.argmax(axis=1)
        return {
            "emotion": (self.test.labels, answers.predicted, EMOTIONS, p),
            "risk": (level[self.test.labels], risk, RISKS, p_risk),
        }

    def curves(self, answers: Answers) -> Json:
        """Points of the ROC and precision-recall curves by risk level; empty without probabilities."""
        labels, _, _, p = self.kinds(answers)["risk"]
        if p is None:
            return {}
        return {risk: ranking_curve(labels == level, p[:, level]) for level, risk in enumerate(RISKS)}

    def _draw(self, answers: Answers) -> dict[str, dict[str, Measurement]]:
        return {
            kind: {
                split: measure(
                    labels[mask],
                    predicted[mask],
                    names,
                    None if p is None else p[mask],
                    resamples=self.resamples,
                    seed=self.seed,
                )
                for split, mask in self.rows.items()
            }
            for kind, (labels, predicted, names, p) in self.kinds(answers).items()
        }


def new_evaluator(splits: Mapping[str, Split], risk_map: RiskMap, resamples: int, seed: int) -> Evaluator:
    """The evaluator of a data set.

    It measures the whole test split, and the same split without repeats and without texts of other splits.
    """
    deduplicated = unseen(splits["test"], [split for name, split in splits.items() if name != "test"])
    rows = {TEST: np.ones_like(deduplicated), DEDUPLICATED: deduplicated}
    undecided = SharedWords(splits["train"]).undecided(splits["test"].texts) if "train" in splits else None
    return Evaluator(splits["test"], rows, risk_map, resamples, seed, undecided)


def describe(splits: Mapping[str, Split], evaluator: Evaluator) -> Json:
    """Sizes and classes of the data, repeated and disputed texts, and test texts that are also in another split."""
    others = {text_key(text) for name, split in splits.items() if name != "test" for text in split.texts}
    described: Json = {"splits": {}, DEDUPLICATED: int(evaluator.rows[DEDUPLICATED].sum())}
    for name, split in splits.items():
        repeated, disputed = repeats(split)
        counts = np.bincount(split.labels, minlength=len(EMOTIONS))
        described["splits"][name] = {
            "n": len(split),
            "classes": {
                emotion: {"n": int(n), "share": float(n / len(split))}
                for emotion, n in zip(EMOTIONS, counts, strict=True)
            },
            "repeated": repeated,
            "disputed": disputed,
            "feel_share": float(has_feel(split.texts).mean()),
        }
    described["seen_elsewhere"] = sum(text_key(text) in others for text in splits["test"].texts)
    return described


def best_variants(methods: Iterable[Measured]) -> list[Measured]:
    """The variant with the best test result of each family and model. This choice favours zero-shot and few-shot,
    which have more variants.
    """
    best: dict[tuple[str | None, str], tuple[float, Measured]] = {}
    for method in methods:
        family = next((name for name in FAMILIES if method.result.key.startswith(name)), None)
        if family is None or method.answers is None:
            continue
        rank = _rank(method.emotion[TEST]) or 0.0
        if (method.model_id, family) not in best or rank > best[method.model_id, family][0]:
            best[method.model_id, family] = (rank, method)
    return [method for _, method in best.values()]


def compare(methods: Sequence[Measured], evaluator: Evaluator) -> list[Json]:
    """Compare the main method with every other, and each calibrated method with its uncalibrated form."""
    answering = {method.id: method for method in methods if method.answers is not None}
    main = main_method(methods)
    pairs = [(main, other) for other in answering.values() if main and other is not main]
    pairs += [
        (method, answering[plain])
        for name, method in answering.items()
        if "_calibrated" in name and (plain := name.replace("_calibrated", "")) in answering
    ]
    comparisons = []
    for first, second in pairs:
        row: Json = {"first": first.id, "second": second.id}
        sides = [evaluator.kinds(answers) for answers in (first.answers, second.answers) if answers is not None]
        for kind, metrics in COMPARED.items():
            labels = sides[0][kind][0]
            row[kind] = {"mcnemar": _without_none(mcnemar(labels, sides[0][kind][1], sides[1][kind][1]))}
            one, other = (getattr(method, kind)[TEST] for method in (first, second))
            row[kind] |= {name: _without_none(paired_bootstrap(one, other, name)) for name in metrics}
        comparisons.append(row)
    return comparisons


def main_method(methods: Iterable[Measured]) -> Measured | None:
    """The method of the error analysis: the first fine-tuned one, else the first with probabilities."""
    scored = [m for m in methods if m.model_id and m.answers is not None and m.answers.probabilities is not None]
    return next((method for method in scored if method.result.key == "fine_tuned"), scored[0] if scored else None)


def analyse(method: Measured, evaluator: Evaluator, show_texts: bool) -> Json:
    """Errors of a method: its weakest segments, commonest confusions and most confident mistakes.

    A mistake is named by its row in the split, and quoted only with show_texts.
    """
    answers, labels, texts = method.answers, evaluator.test.labels, evaluator.test.texts
    assert answers is not None
    assert answers.probabilities is not None
    p, predicted = answers.probabilities, answers.predicted
    parts = segments(texts, labels, p, evaluator.undecided, resamples=evaluator.resamples, seed=evaluator.seed)
    weakest = worst(parts)
    wrong = np.flatnonzero(predicted != labels)
    pairs, counts = np.unique(np.stack([labels[wrong], predicted[wrong]], 1), axis=0, return_counts=True)
    common = np.argsort(-counts, kind="stable")[:PAIRS]
    confident = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][:MISTAKES]
    return {
        "method": method.id,
        "segments": [
            {"by": part.by, "name": part.name, "worst": part in weakest, **part.measurement.to_json()}
            for part in sorted(parts, key=lambda part: part not in weakest)
        ],
        "wrong": len(wrong),
        "confusions": [
            {
                "labelled": EMOTIONS[pairs[number][0]],
                "predicted": EMOTIONS[pairs[number][1]],
                "n": int(counts[number]),
                "share": float(counts[number] / len(wrong)),
            }
            for number in common
        ],
        "mistakes": [
            {
                "row": int(row) + 1,
                "labelled": EMOTIONS[labels[row]],
                "predicted": EMOTIONS[predicted[row]],
                "p_predicted": float(p[row, predicted[row]]),
                "p_labelled": float(p[row, labels[row]]),
                **({"text": texts[row]} if show_texts else {}),
            }
            for row in confident
        ],
    }


def _rank(measurement: Measurement) -> float | None:
    macro_f1, accuracy = (measurement.metrics[name].value for name in ("macro_f1", "accuracy"))
    return accuracy if macro_f1 is None else macro_f1


def _without_none(comparison: Any) -> Json:
    return {key: value for key, value in asdict(comparison).items() if value is not None}

"""From answers to numbers: every method measured on both splits, compared, and shown where it is weak.

All that leaves this module is plain JSON, which metrics.json holds and every page of the report is made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.evaluation.methods import Answered
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
    """One method's measurements by split, and the answers that charts and McNemar's test use.

    shown: the only answers, or those of the draw with the median macro-F1 (accuracy where it is undefined).
    """

    answered: Answered
    model: str = ""
    model_id: str | None = None
    emotion: Mapping[str, Measurement] = field(default_factory=dict)
    risk: Mapping[str, Measurement] = field(default_factory=dict)
    draws: tuple[Json, ...] = ()
    shown: Answers | None = None

    @property
    def id(self) -> str:
        """The key, and for a model's methods the start of its model_id."""
        return self.answered.key + (f"@{self.model_id[:8]}" if self.model_id else "")

    @property
    def title(self) -> str:
        """What people call this method."""
        plain = self.answered.key.removesuffix("_calibrated")
        title = TITLES.get(plain) or f"few-shot, {plain.removeprefix('few_shot_')} a label"
        return title + (", calibrated" if plain != self.answered.key else "")

    def to_json(self) -> Json:
        """As metrics.json holds it."""
        answered, found = self.answered, self.emotion.get(TEST)
        silent = int(found.unanswered.sum()) if found and answered.key.startswith("generate") else None
        return {
            "id": self.id,
            "key": answered.key,
            "title": self.title,
            "model": self.model,
            "model_id": self.model_id,
            "reason": answered.reason,
            "texts_per_second": answered.texts_per_second,
            "peak_memory_mb": answered.peak_bytes and answered.peak_bytes / 2**20,
            "peak_memory_of": answered.peak_where,
            "truncated": answered.truncated,
            "unparseable": silent,
            "unparseable_share": None if silent is None or not found else silent / found.n,
            "draws": list(self.draws),
            "emotion": {split: measurement.to_json() for split, measurement in self.emotion.items()},
            "risk": {split: measurement.to_json() for split, measurement in self.risk.items()},
        }


@dataclass(frozen=True)
class Ruler:
    """What every method of one evaluation is measured with.

    rows: by split name, a mask over the test texts, shape (n,). undecided: those that a word of two emotions decides.
    """

    test: Split
    rows: Mapping[str, npt.NDArray[np.bool_]]
    risk_map: RiskMap
    resamples: int
    seed: int
    undecided: npt.NDArray[np.bool_] | None = None

    def measure(
        self,
        answered: Answered,
        model: str,
        model_id: str | None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Measured:
        """Measure one method; several draws become their mean, with spread."""
        if not answered.draws:
            return Measured(answered, model, model_id)
        each = []
        for answers in answered.draws:
            each.append(self._draw(answers))
            progress(len(self.test))
        heads = [draw["emotion"][TEST].metrics for draw in each]
        ranks = [
            metrics["accuracy"].value if metrics["macro_f1"].value is None else metrics["macro_f1"].value
            for metrics in heads
        ]
        median = int(np.argsort(ranks, kind="stable")[(len(ranks) - 1) // 2])
        draws = tuple(
            {
                **about,
                "macro_f1": draw["emotion"][TEST].metrics["macro_f1"].value,
                "risk_macro_f1": draw["risk"][TEST].metrics["macro_f1"].value,
                "shown": place == median,
            }
            for place, (about, draw) in enumerate(zip(answered.about, each, strict=False))
        )
        emotion, risk = (
            {
                split: average([draw[kind][split] for draw in each], median) if len(each) > 1 else found
                for split, found in each[0][kind].items()
            }
            for kind in ("emotion", "risk")
        )
        return Measured(answered, model, model_id, emotion, risk, draws, answered.draws[median])

    def kinds(self, answers: Answers) -> dict[str, tuple[Any, Any, Any, Any]]:
        """Labels, predictions, names and probabilities, of emotions and of risks.

        Risk follows the summed probabilities, or where there are none the predicted emotion.
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
        """By risk level, the points of its ROC and precision-recall curves."""
        labels, _, _, p = self.kinds(answers)["risk"]
        if p is None:
            return {}
        return {risk: ranking_curve(labels == level, p[:, level]) for level, risk in enumerate(RISKS)}

    def _draw(self, answers: Answers) -> dict[str, dict[str, Measurement]]:
        return {
            kind: {
                split: measure(
                    labels[keep],
                    predicted[keep],
                    names,
                    None if p is None else p[keep],
                    resamples=self.resamples,
                    seed=self.seed,
                )
                for split, keep in self.rows.items()
            }
            for kind, (labels, predicted, names, p) in self.kinds(answers).items()
        }


def new_ruler(splits: Mapping[str, Split], risk_map: RiskMap, resamples: int, seed: int) -> Ruler:
    """The ruler of a data set: its whole test split, and that without what stands elsewhere."""
    keep = unseen(splits["test"], [split for name, split in splits.items() if name != "test"])
    rows = {TEST: np.ones_like(keep), DEDUPLICATED: keep}
    undecided = SharedWords(splits["train"]).undecided(splits["test"].texts) if "train" in splits else None
    return Ruler(splits["test"], rows, risk_map, resamples, seed, undecided)


def describe(splits: Mapping[str, Split], ruler: Ruler) -> Json:
    """The data and its faults: sizes, classes, repeated and disputed texts, texts of test seen elsewhere."""
    others = {text_key(text) for name, split in splits.items() if name != "test" for text in split.texts}
    described: Json = {"splits": {}, DEDUPLICATED: int(ruler.rows[DEDUPLICATED].sum())}
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


def shown_of(methods: Iterable[Measured]) -> list[Measured]:
    """The best variant on test of each family and model, which favours the baselines: they have more variants."""
    best: dict[tuple[str | None, str], tuple[float, Measured]] = {}
    for method in methods:
        family = next((name for name in FAMILIES if method.answered.key.startswith(name)), None)
        if family is None or method.shown is None:
            continue
        metrics = method.emotion[TEST].metrics
        rank = metrics["macro_f1"].value
        rank = metrics["accuracy"].value if rank is None else rank
        if (method.model_id, family) not in best or (rank or 0) > best[method.model_id, family][0]:
            best[method.model_id, family] = (rank or 0.0, method)
    return [method for _, method in best.values()]


def compare(methods: Sequence[Measured], ruler: Ruler) -> list[Json]:
    """The first model's main method against every other, and each calibrated one against itself without."""
    answered = {method.id: method for method in methods if method.shown is not None}
    main = main_of(methods)
    pairs = [(main, other) for other in answered.values() if main and other is not main]
    pairs += [
        (method, answered[plain])
        for name, method in answered.items()
        if "_calibrated" in name and (plain := name.replace("_calibrated", "")) in answered
    ]
    found = []
    for first, second in pairs:
        row: Json = {"first": first.id, "second": second.id}
        sides = [ruler.kinds(method.shown) for method in (first, second)]
        for kind, metrics in COMPARED.items():
            labels = sides[0][kind][0]
            row[kind] = {"mcnemar": _known(mcnemar(labels, sides[0][kind][1], sides[1][kind][1]))}
            measured = [getattr(method, kind)[TEST] for method in (first, second)]
            row[kind] |= {name: _known(paired_bootstrap(*measured, name)) for name in metrics}
        found.append(row)
    return found


def main_of(methods: Iterable[Measured]) -> Measured | None:
    """The method that the error analysis is about: the first fine-tuned one, else the first with probabilities."""
    soft = [m for m in methods if m.model_id and m.shown is not None and m.shown.probabilities is not None]
    return next((method for method in soft if method.answered.key == "fine_tuned"), soft[0] if soft else None)


def analyse(method: Measured, ruler: Ruler, show_texts: bool) -> Json:
    """Where a method is wrong: its weak parts, the commonest confusions and the most confident mistakes.

    A mistake is named by its row in the split; its text is told only with show_texts.
    """
    answers, labels, texts = method.shown, ruler.test.labels, ruler.test.texts
    assert answers is not None
    assert answers.probabilities is not None
    p, predicted = answers.probabilities, answers.predicted
    parts = segments(texts, labels, p, ruler.undecided, resamples=ruler.resamples, seed=ruler.seed)
    low = worst(parts)
    wrong = np.flatnonzero(predicted != labels)
    pairs, counts = np.unique(np.stack([labels[wrong], predicted[wrong]], 1), axis=0, return_counts=True)
    common = np.argsort(-counts, kind="stable")[:PAIRS]
    sure = wrong[np.argsort(-p[wrong, predicted[wrong]], kind="stable")][:MISTAKES]
    return {
        "method": method.id,
        "segments": [
            {"by": part.by, "name": part.name, "worst": part in low, **part.found.to_json()}
            for part in sorted(parts, key=lambda part: part not in low)
        ],
        "wrong": len(wrong),
        "confusions": [
            {
                "labelled": EMOTIONS[pairs[place][0]],
                "predicted": EMOTIONS[pairs[place][1]],
                "n": int(counts[place]),
                "share": float(counts[place] / len(wrong)),
            }
            for place in common
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
            for row in sure
        ],
    }


def _known(found: Any) -> Json:
    return {key: value for key, value in asdict(found).items() if value is not None}

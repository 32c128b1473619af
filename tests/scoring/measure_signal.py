"""Measure a model's answers on the sets that its card tells of; no test.

    python -m tests.scoring.measure_signal ../shared/data [MODEL...]

Prints a column a model (default: embedded): accuracy on the emotion corpus, AUROC of each contrast within fifths of
length and over all texts, how often ordinary texts pass a limit, and what is seen of the symptom corpus' hand o.
Texts that trained the first model are left out for all.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score, roc_auc_score

from jobs.evaluation.trained_texts import training_hashes
from monitor.corpora.contrasts import Contrast, read_contrasts
from monitor.corpora.mixture import is_listed
from monitor.corpora.sources import read_comments, read_texts
from monitor.corpora.splits import load_splits
from monitor.corpora.symptoms import load_symptoms
from monitor.evaluation import cheap_baselines, fifths
from monitor.labels import ANSWERS, CRITERIA
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer

Floats = npt.NDArray[np.float64]
MOST, BLOGS = 2_000, 800
SUICIDAL = CRITERIA.index("suicidal")
CORE = [CRITERIA.index(name) for name in ("mood", "hopeless", "interest", "worth", "suicidal")]


class Answers:
    """What a model says of texts: P(high), P(any), P(suicidal), (n,) each, the emotions (n, 6), and what is seen."""

    def __init__(self, scorer: LabelScorer, texts: list[str]) -> None:
        scores, limits = scorer.score(texts), scorer.model.criteria_limits
        assert scores.criteria is not None
        assert scores.any is not None
        assert limits is not None
        self.emotions = scores.probabilities
        self.p_high = scorer.model.risk_map.risk_probabilities(scores.probabilities)[:, -1]
        self.p_any, self.p_suicidal = scores.any, scores.criteria[:, SUICIDAL]
        passes = np.column_stack([scores.criteria, scores.any]) > [limits[name] for name in ANSWERS]
        self.seen, self.suicidal = passes.any(axis=1), passes[:, SUICIDAL]


def of_contrast(scorer: LabelScorer, contrast: Contrast) -> dict[str, str]:
    answers, lengths = Answers(scorer, list(contrast.texts)), cheap_baselines.length(contrast.texts)
    rows = {}
    for name in contrast.scores:
        values: Floats = getattr(answers, name)
        within = fifths.auroc_draws(contrast.positive, values, lengths)[0]
        overall = roc_auc_score(contrast.positive, values)
        rows[f"{contrast.name}, {name} ({len(contrast.texts):,})"] = f"{within:.3f} / {overall:.3f}"
    return rows


def of_ordinary_texts(scorer: LabelScorer, name: str, texts: list[str]) -> dict[str, str]:
    answers = Answers(scorer, texts)
    shares = ((answers.p_high > 0.5).mean(), answers.seen.mean(), answers.suicidal.mean())
    return {f"{name}: high, seen, suicidal ({len(texts):,})": " ".join(f"{share:.1%}" for share in shares)}


def of_symptom_texts(scorer: LabelScorer) -> dict[str, str]:
    test = load_symptoms("embedded")["test"]
    texts = test.select(np.array([hand == "o" for hand in test.hands], np.bool_))
    answers, kinds = Answers(scorer, list(texts.texts)), np.array(texts.kinds)
    by_grade = [f"{answers.seen[texts.severity == grade].mean():.1%}" for grade in (1, 2, 3, 0)]
    none = texts.severity == 0
    by_kind = [f"{kind} {answers.seen[none & (kinds == kind)].mean():.0%}" for kind in sorted(set(kinds[none]))]
    severe = (texts.severity == 3) & texts.shown[:, CORE].any(axis=1)
    dark = answers.p_high[severe]
    return {
        f"hand o, seen: mild, marked, severe, none ({len(texts):,})": " ".join(by_grade),
        "hand o, wrongly seen by kind": ", ".join(by_kind),
        "hand o, severe low texts: mean P(high), share from 0.9": f"{dark.mean():.2f} {(dark >= 0.9).mean():.0%}",
    }


def main(data: Path, models: list[str]) -> None:
    """Print the table."""
    trained = training_hashes(models[0])
    test = load_splits(str(data / "emotion"), required=("test",))["test"]
    contrasts = [one.without(is_listed(one.texts, trained)).sample(MOST) for one in read_contrasts(data / "external")]
    comments = read_comments(data / "external" / "goemotions_train_dev.parquet", "dev")
    neutral = [comments.texts[row] for row in np.flatnonzero(comments.neutral)]
    blogs = read_texts(data / "timelines" / "blogs_2004.parquet")
    some = np.random.default_rng(7).choice(len(blogs), BLOGS, replace=False)
    columns = []
    for model in models:
        scorer = LabelScorer(load_model(model))
        found = Answers(scorer, list(test.texts)).emotions.argmax(axis=1)
        f1 = f1_score(test.labels, found, average="macro")
        rows = {"emotion corpus, test: accuracy, macro-F1": f"{(found == test.labels).mean():.4f} {f1:.4f}"}
        for contrast in contrasts:
            rows |= of_contrast(scorer, contrast)
        rows |= of_ordinary_texts(scorer, "neutral comments not calibrated on", neutral[len(neutral) // 2 :])
        rows |= of_ordinary_texts(scorer, "diaries of 2004", [blogs[row] for row in some])
        columns.append(rows | of_symptom_texts(scorer))
    for name in columns[0]:
        print(f"{name:<78}", *(rows[name] for rows in columns), sep=" | ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["embedded"])

"""Measure of a model what `evaluate` and `transfer` do not: how often ordinary texts pass a limit; no test.

    python -m tests.scoring.measure_signal ../shared/data [MODEL...]

Prints a column a model (default: embedded): neutral comments, diaries, what is seen of hand o of our texts with exact
95% intervals (Clopper and Pearson), and what is seen of the probe sentences.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.corpora.sources import read_comments, read_texts
from monitor.corpora.symptoms import load_symptoms
from monitor.evaluation import exact_intervals
from monitor.labels import ANSWERS, CRITERIA
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from tests.scoring.probe_sentences.lists import LISTS

BLOGS = 800
SUICIDAL = CRITERIA.index("suicidal")
CORE = [CRITERIA.index(name) for name in ("mood", "hopeless", "interest", "worth", "suicidal")]


class Answers:
    """P(high) of texts, whether a criterion or P(any) passes its limit, and whether P(suicidal) does; (n,) each."""

    def __init__(self, scorer: LabelScorer, texts: list[str]) -> None:
        scores, limits = scorer.score(texts), scorer.model.criteria_limits
        assert scores.criteria is not None
        assert scores.any is not None
        assert limits is not None
        self.p_any = scores.any
        self.p_high = scorer.model.risk_map.risk_probabilities(scores.probabilities)[:, -1]
        passes = np.column_stack([scores.criteria, scores.any]) > [limits[name] for name in ANSWERS]
        self.seen, self.suicidal = passes.any(axis=1), passes[:, SUICIDAL]


def share_of(flags: npt.NDArray[np.bool_]) -> str:
    value, low, high = exact_intervals.share(int(flags.sum()), len(flags)).values()
    return f"{value:.1%} ({low:.1%} to {high:.1%})"


def of_ordinary_texts(scorer: LabelScorer, name: str, texts: list[str]) -> dict[str, str]:
    answers = Answers(scorer, texts)
    shares = [share_of(answers.p_high > 0.5), share_of(answers.seen), share_of(answers.suicidal)]
    return {f"{name}: high, seen, suicidal ({len(texts):,})": ", ".join(shares)}


def of_symptom_texts(scorer: LabelScorer) -> dict[str, str]:
    test = load_symptoms("embedded")["test"]
    texts = test.select(np.array([hand == "o" for hand in test.hands], np.bool_))
    answers, kinds = Answers(scorer, list(texts.texts)), np.array(texts.kinds)
    by_grade = [share_of(answers.seen[texts.severity == grade]) for grade in (1, 2, 3, 0)]
    none = texts.severity == 0
    by_kind = [f"{kind} {answers.seen[none & (kinds == kind)].mean():.0%}" for kind in sorted(set(kinds[none]))]
    severe = (texts.severity == 3) & texts.shown[:, CORE].any(axis=1)
    dark = answers.p_high[severe]
    return {
        f"hand o, seen: mild, marked, severe, none ({len(texts):,})": ", ".join(by_grade),
        "hand o, wrongly seen by kind": ", ".join(by_kind),
        "hand o, severe low texts: mean P(high), share from 0.9": f"{dark.mean():.2f}, {share_of(dark >= 0.9)}",
    }


def of_probes(scorer: LabelScorer) -> dict[str, str]:
    """What is seen of each list of tests/scoring/probe_sentences; a negation is right if seen or P(high) says so."""
    told = {}
    for name, probes in LISTS.items():
        mild, marked, severe = (Answers(scorer, texts) for texts in probes.graded)
        seen = "/".join(str(int(grade.seen.sum())) for grade in (mild, marked, severe))
        rising = int(((mild.p_any < marked.p_any) & (marked.p_any < severe.p_any)).sum())
        crisis, negations = Answers(scorer, probes.crisis), Answers(scorer, probes.negations)
        right = int(((negations.seen | (negations.p_high > 0.5)) == np.array(probes.low)).sum())
        others, ordinary = (int(Answers(scorer, texts).seen.sum()) for texts in (probes.others, probes.neutral))
        told[f"list {name}, seen of 21 mild, marked, severe; P(any) rising of 21; P(high)"] = (
            f"{seen}; {rising}; {'/'.join(f'{grade.p_high.mean():.2f}' for grade in (mild, marked, severe))}"
        )
        told[
            f"list {name}: crisis seen of 10, negations right of 8, others of 20 and ordinary of 40 wrongly seen"
        ] = f"{int(crisis.seen.sum())}, {right}, {others}, {ordinary}"
    return told


def main(data: Path, models: list[str]) -> None:
    """Print the table."""
    comments = read_comments(data / "external" / "goemotions_train_dev.parquet", "dev")
    neutral = [comments.texts[row] for row in np.flatnonzero(comments.neutral)]
    blogs = read_texts(data / "timelines" / "blogs_2004.parquet")
    some = np.random.default_rng(7).choice(len(blogs), BLOGS, replace=False)
    columns = []
    for model in models:
        scorer = LabelScorer(load_model(model))
        rows = of_ordinary_texts(scorer, "neutral comments not calibrated on", neutral[len(neutral) // 2 :])
        rows |= of_ordinary_texts(scorer, "diaries of 2004", [blogs[row] for row in some])
        columns.append(rows | of_symptom_texts(scorer) | of_probes(scorer))
    for name in columns[0]:
        print(f"{name:<104}", *(rows[name] for rows in columns), sep=" | ")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["embedded"])

"""Readings: passages of real posts and diaries that careful readers judged, criterion by criterion; no test.

    python -m tests.training.readings measure MODEL --data ../shared/data
    python -m tests.training.readings pools FOLDER --data ../shared/data

Each row of readings.csv.gz names a passage by its file, row, first word and number of words, so that the text itself
stays where it is. The readers were large language models with one brief, each text read whole, the source unknown to
them; 90 texts were read by two of them (kappa of "shows any criterion" 0.90, of the thought of suicide 0.90).
`measure` compares the answers of a model with the readings of the part that nothing is trained on. `pools` writes its
forum passages that show a marked or severe criterion, and those that show none, as pools for `evaluate-alerts`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.corpora.contrasts import CHARACTERS
from monitor.corpora.examples import Examples
from monitor.corpora.symptom_mixture import SymptomSettings
from monitor.demo.feed import ASSETS, demo_feed_path
from monitor.labels import ANSWERS, CRITERIA, EMOTIONS

READINGS = Path(__file__).with_name("readings.csv.gz")
FORUMS = "external/support_forums_2013.parquet"
UNSURE = -1
SAD = 0.3  # as sql/schema/069
NOT_SHOWN = 0.02  # target of a criterion that a passage does not show
Floats = npt.NDArray[np.float32]
if TYPE_CHECKING:
    from monitor.scoring.scorer import LabelScorer


@dataclass(frozen=True)
class Readings:
    """n passages and what their readers say.

    Attributes:
        texts: n strings, white space folded.
        grades: (n, 11) 0 not shown, 1 mild, 2 marked, 3 severe, UNSURE.
        emotions: n names of EMOTIONS, or "none".
        sources: n names: a forum, or what the file holds.
        held: (n,) whether the passage measures and trains nothing.
    """

    texts: list[str]
    grades: npt.NDArray[np.int64]
    emotions: list[str]
    sources: list[str]
    held: npt.NDArray[np.bool_]

    def select(self, rows: npt.NDArray[np.bool_]) -> Readings:
        """The rows that a mask of shape (n,) chooses."""
        kept = np.flatnonzero(rows)
        lists = ([values[k] for k in kept] for values in (self.texts, self.emotions, self.sources))
        texts, emotions, sources = lists
        return Readings(texts, self.grades[kept], emotions, sources, self.held[kept])

    def examples(self, emotions: Floats, criteria: Floats, emotion_trust: float) -> Examples:
        """The passages as examples.

        Args:
            emotions: (n, 6) what a network answers; the reader's emotion counts `emotion_trust` beside it.
            criteria: (n, 12) what a network answers; it stands where the reader is not sure.
            emotion_trust: from 0 to 1.
        """
        steps = SymptomSettings()
        scale = np.array([NOT_SHOWN, steps.mild, steps.marked, steps.severe], np.float32)
        targets = np.where(self.grades == UNSURE, criteria[:, : len(CRITERIA)], scale[self.grades.clip(0)])
        graver = self.grades.max(axis=1)
        only_unsure = (graver == 0) & (self.grades == UNSURE).any(axis=1)
        any_target = np.where(only_unsure, criteria[:, ANSWERS.index("any")], scale[graver.clip(0)])
        flat = np.full(len(EMOTIONS), 1 / len(EMOTIONS))
        told = np.array([np.eye(len(EMOTIONS))[EMOTIONS.index(e)] if e != "none" else flat for e in self.emotions])
        mixed = (1 - emotion_trust) * emotions + emotion_trust * told
        both = np.column_stack([targets, any_target]).astype(np.float32)
        return Examples.of_criteria(self.texts, both, mixed.astype(np.float32), np.ones(len(self.texts), np.float32))


def folded_texts(data: Path, file: str, rows: Sequence[int] | None = None) -> list[str]:
    """Rows of a file of ../shared/data, or all, with white space folded.

    The text of a forum post is its title, a stop and its body.
    """
    table = pq.read_table(data / file, columns=["title", "body"] if file == FORUMS else ["text"])
    columns = (table if rows is None else table.take(list(rows))).to_pydict()
    if file == FORUMS:
        texts = [
            f"{title or ''}. {body or ''}".strip()
            for title, body in zip(columns["title"], columns["body"], strict=True)
        ]
    else:
        texts = columns["text"]
    return [" ".join(text[:CHARACTERS].split()) for text in texts]


def read_readings(data: Path, path: Path = READINGS) -> Readings:
    """All passages whose files lie in `data`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    words: dict[tuple[str, str], list[str]] = {}
    for name in {row["file"] for row in rows}:
        numbers = sorted({row["row"] for row in rows if row["file"] == name}, key=int)
        folded = folded_texts(data, name, [int(number) for number in numbers])
        words |= {(name, number): text.split() for number, text in zip(numbers, folded, strict=True)}
    texts = []
    for row in rows:
        first = int(row["first_word"])
        texts.append(" ".join(words[row["file"], row["row"]][first : first + int(row["words"])]))
    grades = np.array([[UNSURE if row[name] == "?" else int(row[name] or 0) for name in CRITERIA] for row in rows])
    held = np.array([row["part"] == "held" for row in rows], np.bool_)
    return Readings(texts, grades, [row["emotion"] for row in rows], [row["source"] for row in rows], held)


def measure(read: Readings, model: str) -> None:
    """Print how the answers of a model agree with the readers, with exact 95% intervals of shares."""
    from monitor import LabelScorer, load_model  # here and below: what training on another machine does not need
    from monitor.alerts.rules import AlertRules
    from monitor.crisis.matching import CrisisList
    from tests.scoring.measure_signal import Answers, share_of
    from tests.training.measure_trained import area  # which imports this module

    scorer = LabelScorer(load_model(model))
    scores, seen = scorer.score(read.texts), Answers(scorer, read.texts).seen
    assert scores.any is not None
    assert scores.criteria is not None
    shown, none = read.grades.max(axis=1), (read.grades == 0).all(axis=1)
    clear = (shown >= 2) | none
    for name, values in {"P(high)": scores.probabilities[:, 0], "P(any)": scores.any}.items():
        of_any, of_clear = area(shown >= 1, values), area(shown[clear] >= 2, values[clear])
        print(f"{name}: AUROC of any criterion {of_any:.3f} ({int((shown >= 1).sum())} of {len(shown)}), ", end="")
        print(f"of marked and severe ones against none {of_clear:.3f} ({int(clear.sum())})")
    for name, rows in {"mild": shown == 1, "marked": shown == 2, "severe": shown == 3, "none": none}.items():
        print(f"seen, {name} ({int(rows.sum())}): {share_of(seen[rows])}")
    suicidal = CRITERIA.index("suicidal")
    grades, answers = read.grades[:, suicidal], scores.criteria[:, suicidal]
    known = grades != UNSURE
    for least in (1, 2):
        told, n = area(grades[known] >= least, answers[known]), int((grades >= least).sum())
        print(f"P(suicidal): AUROC of grade {least} and above {told:.3f} ({n} of {known.sum()})")
    listed = np.array([any(one.state == "raised" for one in row) for row in CrisisList.read().find(read.texts)])
    high = np.maximum(scores.probabilities[:, 0], scores.peak_high)
    likely = answers >= AlertRules().suicidal_limit
    certain = likely & (high >= SAD)
    for name, rows in {"explicit or planned": grades >= 2, "veiled": grades == 1, "none": grades == 0}.items():
        told = [share_of(part[rows]) for part in (listed, certain, listed | certain)]
        print(f"crisis channel, {name} ({int(rows.sum())}): list {told[0]}, model {told[1]}, either {told[2]}")
    told = ", ".join(f"grade {grade}: {int((likely & (grades == grade)).sum())}" for grade in (0, 1, 2, 3))
    least = high[likely & (grades >= 2)].min()
    print(f"P(suicidal) at the limit of an alert, {told}; least P(high) of grades 2 and 3 {least:.2f}")
    measure_demo(scorer, AlertRules().suicidal_limit)


def measure_demo(scorer: LabelScorer, limit: float) -> None:
    """Print how many texts of the demo feed, which train nothing, pass the limits of P(suicidal), by kind."""
    with gzip.open(demo_feed_path(), "rt", encoding="utf-8") as file:
        texts = {row["doc_id"]: row["text"] for row in csv.DictReader(file)}
    with gzip.open(ASSETS / "demo_intents.csv.gz", "rt", encoding="utf-8") as file:
        intents = {row["doc_id"]: row["intent"] for row in csv.DictReader(file)}
    scores = scorer.score(list(texts.values()))
    assert scores.criteria is not None
    assert scorer.model.criteria_limits is not None
    answers = scores.criteria[:, CRITERIA.index("suicidal")]
    sad = np.maximum(scores.probabilities[:, 0], scores.peak_high) >= SAD
    intent_of = np.array([intents[doc_id] for doc_id in texts])
    for intent in sorted(set(intent_of)):
        own = intent_of == intent
        seen, likely = answers[own] > scorer.model.criteria_limits["suicidal"], answers[own] >= limit
        alerts = int((likely & sad[own]).sum())
        print(
            f"demo feed, {intent} ({int(own.sum())}): seen {seen.sum()}, at the limit {likely.sum()}, alerts {alerts}"
        )


def write_pools(read: Readings, out: Path) -> None:
    """Write the forum passages that show a marked or severe criterion, and those that show none, as Parquet files."""
    shown, none = read.grades.max(axis=1), (read.grades == 0).all(axis=1)
    forums = np.array([source not in ("blogs", "diaries", "posts", "tweets", "comments") for source in read.sources])
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in {"read_low": shown >= 2, "read_nothing": none}.items():
        texts = [read.texts[row] for row in np.flatnonzero(rows & forums)]
        pq.write_table(pa.table({"text": texts}), out / f"{name}.parquet")
        print(f"{out / name}.parquet: {len(texts)} passages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "pools"])
    parser.add_argument("name", help="a model, or the folder of the pools")
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    read = read_readings(given.data)
    read = read.select(read.held)
    if given.what == "pools":
        write_pools(read, Path(given.name))
    else:
        measure(read, given.name)


if __name__ == "__main__":
    main()

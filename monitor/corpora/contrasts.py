"""External sets as contrasts: texts of two kinds that a score should tell apart.

Each set is a Parquet file of a folder (see its README for sources and licences); a set that is not there is left out.
No text of a contrast trained a model of this package; `trained_on` names other parts of a set that did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.corpora.sources import GOEMOTIONS, read_columns
from monitor.corpora.symptoms import EMBEDDED_FOLDER, read_symptoms
from monitor.labels import CRITERIA

Bools = npt.NDArray[np.bool_]
LOW_FORUMS = ("depression", "SuicideWatch")
# Forums whose writers share the topic. They are on neither side of the contrast.
NEAR_FORUMS = ("Anxiety", "bipolar", "BipolarReddit", "socialanxiety", "ForeverAlone")
CHARACTERS = 3000  # read of a long post; the model reads only its first tokens anyway
LEAST_CHARACTERS = 40


@dataclass(frozen=True)
class Contrast:
    """Texts of two kinds.

    Attributes:
        name: the two kinds that are compared.
        source: the file; contrasts from one file share it.
        texts: n strings.
        positive: (n,) whether each text is of the first kind.
        scores: the model's answers that may tell them apart: "p_high", "p_any", "p_suicidal".
        trained_on: the part of the source that trained the embedded model; "" for none.
    """

    name: str
    source: str
    texts: tuple[str, ...]
    positive: Bools
    scores: tuple[str, ...] = ("p_high", "p_any")
    trained_on: str = ""

    def without(self, left_out: Bools) -> Contrast:
        """The contrast without the texts of the mask `left_out`, shape (n,)."""
        kept = np.flatnonzero(~left_out)
        return replace(self, texts=tuple(self.texts[row] for row in kept), positive=self.positive[kept])

    def sample(self, count: int, seed: int = 0) -> Contrast:
        """At most `count` texts drawn at random, in their order, with about the same share of positive texts."""
        if len(self.texts) <= count:
            return self
        left_out = np.ones(len(self.texts), np.bool_)
        left_out[np.random.default_rng(seed).choice(len(self.texts), count, replace=False)] = False
        return self.without(left_out)


def read_contrasts(folder: Path) -> list[Contrast]:
    """All contrasts whose files are in `folder`, and the contrasts from the test split of the package's symptom
    corpus.

    Raises:
        DataError: a file cannot be read, or lacks a column.
    """
    contrasts = [
        contrast for name, read in READERS.items() if (folder / name).is_file() for contrast in read(folder / name)
    ]
    return [*contrasts, *_symptom_corpus()]


def _goemotions(path: Path) -> Iterator[Contrast]:
    rows = [row for row in zip(*read_columns(path, split=str, text=str, labels=str), strict=True) if row[0] == "dev"]
    sad = np.array([bool(set(GOEMOTIONS["sadness"]) & set(labels.split(","))) for _, _, labels in rows], np.bool_)
    texts = tuple(text for _, text, _ in rows)
    yield Contrast(
        "comments: sadness, grief, remorse, disappointment", path.name, texts, sad, trained_on="train split"
    )


def _tweets(path: Path) -> Iterator[Contrast]:
    rows = [
        row for row in zip(*read_columns(path, split=str, text=str, labels=str), strict=True) if row[0] != "train"
    ]
    low = np.array([bool({"sadness", "pessimism"} & set(labels.split(","))) for _, _, labels in rows], np.bool_)
    texts = tuple(text for _, text, _ in rows)
    yield Contrast("tweets: sadness or pessimism", path.name, texts, low, trained_on="train split")


def _stress(path: Path) -> Iterator[Contrast]:
    texts, labels = read_columns(path, text=str, label=int)
    yield Contrast("posts: stress", path.name, tuple(texts), np.array([label == 1 for label in labels], np.bool_))


def _forums(path: Path) -> Iterator[Contrast]:
    import pyarrow.parquet as pq

    columns = pq.read_table(path, columns=["subreddit", "title", "body"]).to_pydict()
    forums, texts = [], []
    for forum, title, body in zip(columns["subreddit"], columns["title"], columns["body"], strict=True):
        text = f"{title or ''}. {body or ''}".strip()
        if len(text) > LEAST_CHARACTERS and body not in ("[deleted]", "[removed]"):
            forums.append(forum)
            texts.append(text[:CHARACTERS])
    forum_of = np.array(forums)
    low, other = np.isin(forum_of, LOW_FORUMS), ~np.isin(forum_of, (*LOW_FORUMS, *NEAR_FORUMS))
    yield _of("posts: depression forums against forums of other topics", path, texts, low, low | other)
    yield _of(
        "posts: suicide forum against depression forum",
        path,
        texts,
        np.isin(forum_of, LOW_FORUMS[1]),
        low,
        ("p_suicidal",),
    )


def _of(
    name: str,
    path: Path,
    texts: list[str],
    positive: Bools,
    within: Bools,
    scores: tuple[str, ...] = ("p_high", "p_any"),
) -> Contrast:
    rows = np.flatnonzero(within)
    return Contrast(name, path.name, tuple(texts[row] for row in rows), positive[rows], scores)


def _interpersonal(path: Path) -> Iterator[Contrast]:
    texts, belonging, burden = read_columns(path, text=str, thwarted_belonging=int, perceived_burden=int)
    posts = tuple(text[:CHARACTERS] for text in texts)
    yield Contrast(
        "posts: perceived burden",
        path.name,
        posts,
        np.array([label == 1 for label in burden], np.bool_),
        ("p_suicidal", "p_any"),
    )
    yield Contrast(
        "posts: thwarted belonging", path.name, posts, np.array([label == 1 for label in belonging], np.bool_)
    )


def _wellness(path: Path) -> Iterator[Contrast]:
    texts, emotional = read_columns(path, text=str, emotional=int)
    posts = tuple(text[:CHARACTERS] for text in texts)
    yield Contrast(
        "posts: emotional wellness", path.name, posts, np.array([label == 1 for label in emotional], np.bool_)
    )


def _symptom_corpus() -> Iterator[Contrast]:
    rows = read_symptoms(EMBEDDED_FOLDER / "test.jsonl.gz")
    source = "symptom corpus, test hands"
    yield Contrast(
        "written texts: a criterion or none",
        source,
        rows.texts,
        np.asarray(rows.shown.any(axis=1), np.bool_),
        ("p_any", "p_high"),
    )
    suicidal = rows.shown[:, CRITERIA.index("suicidal")]
    yield Contrast("written texts: thoughts of death or none", source, rows.texts, suicidal, ("p_suicidal",))


READERS: dict[str, Callable[[Path], Iterator[Contrast]]] = {
    "goemotions_train_dev.parquet": _goemotions,
    "semeval2018_ec_train_dev.parquet": _tweets,
    "dreaddit_train.parquet": _stress,
    "support_forums_2013.parquet": _forums,
    "interpersonal_risk.parquet": _interpersonal,
    "wellness_dimensions.parquet": _wellness,
}

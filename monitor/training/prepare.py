"""The training data of `train`: the files of its recipe, without twins of held-out texts, as epochs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monitor.corpora.examples import Examples
from monitor.corpora.mixture import LEFT_OUT, Mixture, without_twins
from monitor.corpora.sources import (
    Comments,
    read_comments,
    read_distilled,
    read_extra,
    read_isear,
    read_semeval,
    read_texts,
    twin_key,
)
from monitor.corpora.splits import Split, load_splits
from monitor.corpora.symptom_mixture import SymptomMixture, SymptomSettings, calm_texts, topic_examples
from monitor.corpora.symptoms import EMBEDDED, SymptomTexts, load_symptoms
from monitor.corpora.topics import read_topics
from monitor.errors import DataError
from monitor.model.prompts import PromptEncoder
from monitor.training.recipe import Recipe

EVERYDAY_POSTS = 2000


class Prepared(NamedTuple):
    """Training texts, validation texts and calibration texts of a run.

    epoch: returns the examples of the epoch with the given index. validation: the validation split of the emotion
    corpus. symptoms: validation texts of the symptom corpus; None without the symptoms question. texts: every text
    that training may use. left_out: number of texts left out, by reason. neutral, everyday: texts for calibration and
    limits.
    """

    epoch: Callable[[int], Examples]
    validation: Split
    symptoms: SymptomTexts | None
    texts: list[str]
    left_out: Counter[str]
    neutral: Sequence[str]
    everyday: Sequence[str]


def prepare(data: str, recipe: Recipe, limit: int | None = None, symptoms: str | None = None) -> Prepared:
    """Read the files of a recipe, exclude every twin of a held-out text from training, and draw epochs.

    Args:
        data: folder or hub id of the emotion corpus; the recipe's files are relative to it.
        recipe: the result of `read_recipe`.
        limit: largest number of texts of an epoch.
        symptoms: symptom texts (`load_symptoms`) in place of the recipe's; they also add the symptoms question.

    Raises:
        DataError: a split or a file is missing or wrong, or no training text is left.
    """
    splits = load_splits(data, required=("train", "validation"))
    files = {key: Path(data) / name for key, name in recipe.files.items() if name != EMBEDDED}
    settings = recipe.symptoms or (SymptomSettings(seed=recipe.adapter.seed) if symptoms else None)
    place: str | Path = symptoms or files.get("texts") or EMBEDDED
    texts = load_symptoms(place) if settings else {}
    held_out = [part[name] for part in (splits, texts) for name in ("validation", "test") if name in part]
    train, left_out = without_twins(splits["train"], held_out)
    if not len(train):
        raise DataError(f"{data}: no training text is left but {described(left_out)}; check the splits")
    mixture = recipe.mixture
    comments = None
    if mixture and "comments" in files and mixture.neutral + mixture.emotional:
        comments = read_comments(files["comments"])
    if mixture is None:
        train = train.select(np.arange(min(limit or len(train), len(train))))
        canonical = Examples.from_labels(train.texts, train.labels)
        draw, seen = [lambda _: canonical], list(train.texts)
    else:
        parts = [train]
        if mixture.extra and "extra_texts" in files:
            extra, more = without_twins(read_extra(files["extra_texts"]), held_out)
            parts.append(extra)
            left_out += more
        drawn = Mixture(parts, comments, mixture)
        draw, seen = [drawn.epoch], [*drawn.texts, *(comments.texts if comments else ())]
    if settings:
        keys = {twin_key(text) for split in held_out for text in split.texts}
        others = symptom_mixture(settings, texts["train"], comments, files, keys)
        draw.append(others.epoch)
        seen += others.texts
    epoch: Callable[[int], Examples] = partial(_epoch, draw, limit, bool(settings), recipe.adapter.seed)
    return Prepared(
        epoch if mixture or settings else draw[0],
        splits["validation"],
        texts.get("validation"),
        seen,
        left_out,
        *_calibration_texts(files),
    )


def trainable_epoch(prepared: Prepared, encoder: PromptEncoder) -> Callable[[int], Examples]:
    """The epochs with targets that the prompt's labels can learn.

    Labels of several tokens cannot have soft targets. For such labels, symptom texts with a soft emotion target train
    only the symptoms question.
    """
    single = all(len(word) == 1 for words in encoder.label_ids for word in words)
    if single or prepared.symptoms is None:
        return prepared.epoch
    return lambda index: prepared.epoch(index).with_hard_emotions()


def described(left_out: Counter[str]) -> str:
    """Each reason with its count."""
    return ", ".join(f"{left_out[reason]:,} {reason}" for reason in LEFT_OUT)


def symptom_mixture(
    settings: SymptomSettings,
    texts: SymptomTexts,
    comments: Comments | None,
    files: Mapping[str, Path],
    held_out: set[str],
    posts_prefix: str = "d_",
) -> SymptomMixture:
    """The sources of the symptoms question.

    Args:
        settings: sizes and shares.
        texts: symptom texts of the train split.
        comments: GoEmotions comments; neutral comments fill composite texts.
        files: the recipe's files by key.
        held_out: twin keys of texts that training must not use.
        posts_prefix: prefix of the columns with the posts' criteria (`read_distilled`).

    Raises:
        DataError: a file is missing or wrong.
    """

    def free(examples: Examples) -> Examples:
        return examples.select(np.array([twin_key(text) not in held_out for text in examples.texts], np.bool_))

    posts = free(read_distilled(files["posts_file"], prefix=posts_prefix)) if "posts_file" in files else None
    whole = [
        (free(read(files[f"{name}_file"])), times)
        for name, read, times in (
            ("isear", read_isear, settings.isear),
            ("semeval", read_semeval, settings.semeval),
        )
        if times
    ]
    drawn = [(posts, settings.posts)] if posts else []
    if settings.units:
        drawn.append((free(read_distilled(files["units_file"])), settings.units))
    if settings.topics:
        topics = topic_examples(read_topics(files["topics_file"]), settings.topic_share)
        drawn.append((free(topics), settings.topics))
    neutral = [comments.texts[row] for row in np.flatnonzero(comments.neutral)] if comments else []
    own = texts.select(np.array([twin_key(text) not in held_out for text in texts.texts], np.bool_))
    return SymptomMixture(own, calm_texts(neutral, posts), whole, drawn, settings)


def _epoch(
    draw: Sequence[Callable[[int], Examples]], limit: int | None, both: bool, seed: int, index: int
) -> Examples:
    """At most `limit` examples of an epoch: the first ones, or with both questions a share of every source."""
    examples = Examples.joined([part(index) for part in draw])
    if not both:
        examples = examples.without_criteria()
    if limit is None or limit >= len(examples.texts):
        return examples
    order = np.arange(len(examples.texts))
    if both:
        order = np.random.default_rng([seed, index]).permutation(order)
    return examples.select(order[:limit])


def _calibration_texts(files: Mapping[str, Path]) -> tuple[list[str], list[str]]:
    """Held-out neutral comments and everyday posts; empty for files that the recipe does not name."""
    neutral, everyday = list[str](), list[str]()
    if "neutral_comments" in files:
        comments = read_comments(files["neutral_comments"], "dev")
        neutral = [comments.texts[row] for row in np.flatnonzero(comments.neutral)]
    if "everyday_posts" in files:
        posts = read_texts(files["everyday_posts"])
        rows = np.random.default_rng(0).choice(len(posts), min(EVERYDAY_POSTS, len(posts)), replace=False)
        everyday = [posts[row] for row in rows]
    return neutral, everyday

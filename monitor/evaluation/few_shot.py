"""Few-shot examples: k texts a label, drawn and shuffled by a seed, short enough for the model's prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.labels import EMOTIONS

Shot = tuple[str, str]


@dataclass(frozen=True)
class Shots:
    """(text, emotion) pairs in prompt order, and the number of texts that were replaced by shorter ones."""

    pairs: tuple[Shot, ...]
    replaced: int


def draw_shots(train: Split, k: int, seed: int, room: int, length: Callable[[Sequence[Shot]], int]) -> Shots:
    """Draw balanced examples whose prompt has at most `room` tokens.

    The examples of a label are the first k of its shuffled texts, so one seed's examples for a smaller k are among
    those for a larger k. While the prompt is too long, the next shorter text of the same label replaces the longest
    example.

    Args:
        train: the split that gives the examples.
        k: number of examples of each emotion.
        seed: seed of the shuffles.
        room: largest number of tokens of the prompt before a text.
        length: counts the tokens of a prompt with these examples.

    Raises:
        DataError: an emotion has fewer than k texts, or its texts are all too long.
    """
    random = np.random.default_rng(seed)
    candidates = [list(random.permutation(np.flatnonzero(train.labels == label))) for label in range(len(EMOTIONS))]
    described = f"{k} example{'s' if k > 1 else ''} a label"
    few = [f"{name} {len(rows)}" for name, rows in zip(EMOTIONS, candidates, strict=True) if len(rows) < k]
    if few:
        raise DataError(f"train has too few texts for {described}: {', '.join(few)}")
    chosen = [(label, rows.pop(0)) for label, rows in enumerate(candidates) for _ in range(k)]
    order, replaced = np.random.default_rng([seed, k]).permutation(len(chosen)), 0
    while True:
        pairs = tuple((train.texts[chosen[at][1]], EMOTIONS[chosen[at][0]]) for at in order)
        if length(pairs) <= room:
            return Shots(pairs, replaced)
        longest = max(range(len(chosen)), key=lambda at: len(train.texts[chosen[at][1]]))
        label, row = chosen[longest]
        shorter = [other for other in candidates[label] if len(train.texts[other]) < len(train.texts[row])]
        if not shorter:
            raise DataError(f"{described} make a prompt of more than the {room} tokens this model has room for")
        candidates[label].remove(shorter[0])
        chosen[longest] = (label, shorter[0])
        replaced += 1

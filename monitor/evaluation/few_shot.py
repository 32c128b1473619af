"""Few-shot examples: k texts a label, drawn from train by seed, in an order shuffled by seed, that fit the model."""

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
    """(text, emotion) pairs in prompt order; replaced: how many longer texts gave way to fit the prompt."""

    pairs: tuple[Shot, ...]
    replaced: int


def draw_shots(train: Split, k: int, seed: int, room: int, length: Callable[[Sequence[Shot]], int]) -> Shots:
    """Balanced examples whose prompt is at most `room` tokens.

    Each label's texts are shuffled; its first k are taken, so that with one seed the examples for a smaller k are
    among those for a larger one. While the prompt is too long, its longest example gives way to the next shorter
    text of that label in the shuffled order.

    Args:
        train: where examples come from.
        k: examples of each emotion.
        seed: of the shuffles.
        room: tokens that the prompt in front of a text may have.
        length: tokens of a prompt with these examples.

    Raises:
        DataError: an emotion has fewer than k texts, or its texts are all too long.
    """
    random = np.random.default_rng(seed)
    waiting = [
        list(random.permutation(np.flatnonzero(train.labels == label))) for label in range(len(EMOTIONS))
    ]
    told = f"{k} example{'s' if k > 1 else ''} a label"
    few = [f"{name} {len(rows)}" for name, rows in zip(EMOTIONS, waiting, strict=True) if len(rows) < k]
    if few:
        raise DataError(f"train has too few texts for {told}: {', '.join(few)}")
    taken = [(label, rows.pop(0)) for label, rows in enumerate(waiting) for _ in range(k)]
    order, replaced = np.random.default_rng([seed, k]).permutation(len(taken)), 0
    while True:
        pairs = tuple((train.texts[taken[at][1]], EMOTIONS[taken[at][0]]) for at in order)
        if length(pairs) <= room:
            return Shots(pairs, replaced)
        longest = max(range(len(taken)), key=lambda at: len(train.texts[taken[at][1]]))
        label, row = taken[longest]
        shorter = [other for other in waiting[label] if len(train.texts[other]) < len(train.texts[row])]
        if not shorter:
            raise DataError(f"{told} make a prompt of more than the {room} tokens this model has room for")
        waiting[label].remove(shorter[0])
        taken[longest] = (label, shorter[0])
        replaced += 1

"""Texts with targets for one question or both, and the training sequences made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitor.errors import DataError
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.model.symptoms import ANSWERS
from monitor.training.label_likelihood import Row, prompt_row, with_question

Floats = npt.NDArray[np.float32]
NONE: Floats = np.empty(0, np.float32)


@dataclass(frozen=True)
class Examples:
    """n texts with their targets; a weight of 0 says that a text has no target for that question.

    Attributes:
        texts: n strings.
        targets: (n, 6) a distribution over EMOTIONS each, rows summing to 1.
        weights: (n,) of the emotion targets; 1 unless given.
        criteria: (n, 12) targets of the symptoms answers from 0 to 1, in the order of ANSWERS.
        criteria_weights: (n,) of these; 0 unless given.
    """

    texts: Sequence[str]
    targets: Floats
    weights: Floats = field(default_factory=lambda: NONE)
    criteria: Floats = field(default_factory=lambda: NONE)
    criteria_weights: Floats = field(default_factory=lambda: NONE)

    def __post_init__(self) -> None:
        n = len(self.texts)
        if not len(self.weights):
            object.__setattr__(self, "weights", np.ones(n, np.float32))
        if not len(self.criteria_weights):
            object.__setattr__(self, "criteria", np.zeros((n, len(ANSWERS)), np.float32))
            object.__setattr__(self, "criteria_weights", np.zeros(n, np.float32))

    @classmethod
    def from_labels(cls, texts: Sequence[str], labels: npt.NDArray[np.int64]) -> Examples:
        """One-hot emotion targets from indices into EMOTIONS, shape (n,)."""
        return cls(texts, np.eye(len(EMOTIONS), dtype=np.float32)[labels])

    @classmethod
    def of_criteria(
        cls,
        texts: Sequence[str],
        criteria: Floats,
        targets: Floats | None = None,
        weights: Floats | None = None,
    ) -> Examples:
        """Targets of the symptoms answers (n, 12), and of emotions where `weights` (n,) says that there are some."""
        n = len(texts)
        if targets is None or weights is None:
            targets, weights = (
                np.full((n, len(EMOTIONS)), 1 / len(EMOTIONS), np.float32),
                np.zeros(n, np.float32),
            )
        return cls(texts, targets, weights, criteria, np.ones(n, np.float32))

    @property
    def several_emotions(self) -> bool:
        """Whether more than one emotion is the likeliest target of some text."""
        return len(set(self.targets[self.weights > 0].argmax(axis=1))) > 1

    @property
    def some_criteria(self) -> bool:
        """Whether some answer is shown by one text and not by another."""
        shown = self.criteria[self.criteria_weights > 0] > 0
        return bool(len(shown) and (shown.any(axis=0) & ~shown.all(axis=0)).any())

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Examples:
        """The rows chosen by a mask of shape (n,) or by indices."""
        index = np.arange(len(self.texts))[rows]
        return Examples(
            [self.texts[k] for k in index],
            self.targets[index],
            self.weights[index],
            self.criteria[index],
            self.criteria_weights[index],
        )

    def __add__(self, other: Examples) -> Examples:
        """These and other examples, in this order."""
        return Examples(
            [*self.texts, *other.texts],
            np.concatenate([self.targets, other.targets]),
            np.concatenate([self.weights, other.weights]),
            np.concatenate([self.criteria, other.criteria]),
            np.concatenate([self.criteria_weights, other.criteria_weights]),
        )


def training_rows(
    encoder: PromptEncoder, examples: Examples, max_text_tokens: int, symptoms_weight: float = 1.0
) -> list[Row]:
    """The sequences that carry the targets of examples: one a text, or two where labels are several tokens long.

    Args:
        encoder: of the prompt.
        examples: texts and targets.
        max_text_tokens: longer texts are cut.
        symptoms_weight: of the symptoms answers' loss beside that of the emotion answer.

    Raises:
        DataError: there is no example, a soft target meets a label of several tokens, or criteria have targets but
            the prompt has no symptoms question.
    """
    if not len(examples.texts):
        raise DataError("training: the epoch holds no example; check the train split")
    symptoms = encoder.symptoms
    if symptoms is None and examples.criteria_weights.any():
        raise DataError("training: criteria have targets, but the prompt has no symptoms question")
    single = all(len(words[0]) == 1 for words in encoder.label_ids)
    bodies, _, _ = encoder.encode_texts(examples.texts, max_text_tokens)
    rows = []
    for index, body in enumerate(bodies):
        weight, criteria_weight = examples.weights[index], examples.criteria_weights[index]
        row = _emotion_row(encoder, body, examples.targets[index] * weight, index, single)
        if symptoms and criteria_weight:
            if not single:
                rows += [row] if weight else []
                row = prompt_row(encoder, body, (), ())
            share = float(criteria_weight) * symptoms_weight
            row = with_question(row, symptoms, examples.criteria[index], share)
        if weight or criteria_weight:
            rows.append(row)
    return rows


def _emotion_row(
    encoder: PromptEncoder,
    body: npt.NDArray[np.int32],
    target: npt.NDArray[np.float32],
    index: int,
    single: bool,
) -> Row:
    """The row of a text's emotion target (6,), which sums to the text's weight."""
    label, weight = int(target.argmax()), float(target.sum())
    word = encoder.label_ids[label][0]
    if single:
        wanted = [(encoder.label_ids[k][0][0], float(share)) for k, share in enumerate(target) if share > 0]
        return prompt_row(encoder, body, (), wanted)
    if target[label] < weight:
        raise DataError(
            f"training: example {index + 1} has a soft target, which needs labels of one token; "
            f"{EMOTIONS[label]!r} has {len(word)} with this prompt"
        )
    return prompt_row(encoder, body, word, [(token, weight) for token in word])


def row_groups(rows: list[Row], size: int, random: np.random.Generator, count: int) -> Iterator[list[Row]]:
    """`count` random groups of rows; lengths alike within a group, so that padding costs little."""
    order = random.permutation(len(rows))
    groups: list[npt.NDArray[np.int64]] = []
    for pool in np.array_split(order, max(1, len(order) // (size * 50))):
        pool = pool[np.argsort([len(rows[i].ids) for i in pool], kind="stable")]
        groups += [pool[start : start + size] for start in range(0, len(pool), size)]
    for index in random.permutation(len(groups))[:count]:
        yield [rows[i] for i in groups[index]]

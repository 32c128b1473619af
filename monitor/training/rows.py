"""Turn examples into training sequences, and group the sequences into steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from monitor.corpora.examples import Examples
from monitor.errors import DataError
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.training.answers import Row, prompt_row, with_question


def training_rows(
    encoder: PromptEncoder, examples: Examples, max_text_tokens: int, symptoms_weight: float = 1.0
) -> list[Row]:
    """The sequences for the targets of examples: one per text, or two if labels are several tokens long.

    Args:
        encoder: the prompt's encoder.
        examples: texts and targets.
        max_text_tokens: longer texts are cut.
        symptoms_weight: weight of the symptoms answers' loss relative to the emotion answer's loss.

    Raises:
        DataError: there is no example, a label of several tokens has a soft target, or criteria have targets but the
            prompt has no symptoms question.
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
    """At most `count` random groups of rows. Rows of a group have similar lengths, so that padding costs little."""
    order = random.permutation(len(rows))
    groups: list[npt.NDArray[np.int64]] = []
    for pool in np.array_split(order, max(1, len(order) // (size * 50))):
        pool = pool[np.argsort([len(rows[i].ids) for i in pool], kind="stable")]
        groups += [pool[start : start + size] for start in range(0, len(pool), size)]
    for index in random.permutation(len(groups))[:count]:
        yield [rows[i] for i in groups[index]]

"""Labels of one or several tokens as a token tree, and their likelihoods from the logits at its nodes.

P(label) is the product of P(token | prompt, label's earlier tokens). All labels follow the prompt's last token, where
the normaliser over the vocabulary cancels. So only the logits of the labels' first tokens matter. A label of several
tokens also needs its earlier tokens as input: each distinct beginning is one branch token. With the Llama-2 tokenizer
the six emotions (s·ad·ness, jo·y, lo·ve, anger, f·ear, sur·prise) make six branch tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]


class LabelTree:
    """The token tree of the label words.

    Attributes:
        first_ids: (f,) distinct first tokens of the words.
        branch_ids: (b,) input token of each branch; parents come before children.
        branch_depths: (b,) number of label tokens up to and including the branch's token, 1 for a first token.
        visible: (b, b) whether branch i sees branch j: itself and its ancestors.
        step_branches, step_ids: (steps,) the transitions: at branch `step_branches[i]`, token `step_ids[i]`.
    """

    def __init__(self, label_ids: Sequence[Sequence[Sequence[int]]]) -> None:
        words = [(label, tuple(word)) for label, group in enumerate(label_ids) for word in group]
        beginnings = sorted({word[:n] for _, word in words for n in range(1, len(word))}, key=lambda w: (len(w), w))
        steps = sorted({word[:n] for _, word in words for n in range(2, len(word) + 1)})
        firsts = sorted({word[0] for _, word in words})
        self.first_ids = np.array(firsts, dtype=np.int32)
        self.branch_ids = np.array([path[-1] for path in beginnings], dtype=np.int32)
        self.branch_depths = np.array([len(path) for path in beginnings], dtype=np.int32)
        self.visible = np.array(
            [[path[: len(other)] == other for other in beginnings] for path in beginnings], dtype=np.bool_
        ).reshape(len(beginnings), len(beginnings))
        self.step_branches = np.array([beginnings.index(path[:-1]) for path in steps], dtype=np.int64)
        self.step_ids = np.array([path[-1] for path in steps], dtype=np.int64)
        self.word_labels = np.array([label for label, _ in words], dtype=np.int64)
        self.word_firsts = np.array([firsts.index(word[0]) for _, word in words], dtype=np.int64)
        self.word_steps = np.array(
            [[word[: len(path)] == path for path in steps] for _, word in words], dtype=np.float64
        ).reshape(len(words), len(steps))
        self._n_labels = len(label_ids)

    def log_likelihoods(
        self, first_logits: npt.NDArray[np.floating], step_log_probs: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float64]:
        """Log-likelihood of each label, up to one constant per text.

        Args:
            first_logits: (n, f) logits of `first_ids` at the prompt's last token.
            step_log_probs: (n, steps) log P of each step's token at its branch.

        Returns:
            (n, labels): for a label of several words, the log of the sum of their likelihoods.
        """
        words = first_logits.astype(np.float64)[:, self.word_firsts]
        words = words + step_log_probs.astype(np.float64) @ self.word_steps.T
        labels = np.full((len(words), self._n_labels), -np.inf)
        for word, label in enumerate(self.word_labels):
            labels[:, label] = np.logaddexp(labels[:, label], words[:, word])
        return labels


def probabilities(
    log_likelihoods: npt.NDArray[np.floating],
    temperature: float | npt.NDArray[np.float64],
    exponent: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Calibrated probabilities of the labels; (n, labels) -> rows that sum to 1.

    The weight of a label d nats below the likeliest label is exp(-(d / temperature) ** exponent). With an exponent of
    1 the weights give the softmax at this temperature. The order of the labels never changes.

    Args:
        log_likelihoods: (n, labels), up to one constant per row.
        temperature: one value, or (n,) one for each row.
        exponent: one value.
    """
    values = np.asarray(log_likelihoods, dtype=np.float64)
    below = (values.max(axis=1, keepdims=True) - values) / np.reshape(temperature, (-1, 1))
    weights = np.exp(-(below**exponent))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))

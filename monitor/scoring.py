"""Texts to probabilities: the likelihood of each label after the prompt, in input order.

`LabelScorer.score` is the whole of it. Nothing is generated and nothing parsed: P(emotion) is the likelihood of
its label words, normalised over the six emotions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from monitor.batching import Frame, pack, plan_batches
from monitor.errors import ModelError
from monitor.label_tree import LabelTree, probabilities
from monitor.models import LoadedModel
from monitor.prompts import PromptEncoder

CPU_TOKENS = 2048  # the activations of a batch stay in the cache
CUDA_TOKENS = 16384


@dataclass(frozen=True)
class Scores:
    """One row a text, in input order.

    Attributes:
        probabilities: (n, 6) P(emotion) in the order of EMOTIONS; rows sum to 1.
        n_tokens: (n,) tokens of the text before cutting.
        truncated: (n,) whether the text was cut to fit.
    """

    probabilities: npt.NDArray[np.float64]
    n_tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]


class LabelScorer:
    """Scores texts with one model and prompt.

    Args:
        model: what `models.load_model` gave.
        max_tokens: tokens of a batch; None chooses by device.

    Raises:
        ModelError: the prompt leaves no room for a text within the model's positions.
    """

    def __init__(self, model: LoadedModel, *, max_tokens: int | None = None) -> None:
        self.model = model
        self._network = model.network
        self._encoder = PromptEncoder(model.prompt, model.tokenizer)
        self._tree = LabelTree(self._encoder.label_ids)
        self._prefix = self._network.prefix_cache(self._encoder.prefix_ids)
        self._frame = Frame(
            np.array(self._encoder.suffix_ids, dtype=np.int32),
            self._tree.branch_ids,
            self._tree.branch_depths,
            self._prefix.length,
        )
        self.max_tokens = max_tokens or (CUDA_TOKENS if self._network.device.type == "cuda" else CPU_TOKENS)
        room = (
            min(self._network.shape.max_positions - self._prefix.length, self.max_tokens) - self._frame.extra
        )
        self.max_text_tokens = min(model.max_text_tokens, room)
        if self.max_text_tokens < 1:
            raise ModelError(
                f"the prompt ({self._prefix.length} + {self._frame.extra} tokens) leaves no room for a text; "
                "shorten the prompt or raise the token budget"
            )
        self._first_rows = self._network.head[torch.from_numpy(self._tree.first_ids).long()].float()

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """P(emotion) of each text; identical texts are scored once.

        Args:
            texts: any strings, empty ones too.
            progress: called with the number of texts done since the last call.
        """
        log_likelihoods, n_tokens, truncated = self._run(texts, progress)
        return Scores(probabilities(log_likelihoods, self.model.temperature), n_tokens, truncated)

    def log_likelihoods(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Log-likelihood of each emotion's label, up to one constant a text, temperature not applied; (n, 6)."""
        return self._run(texts, None)[0]

    def _run(
        self, texts: Sequence[str], progress: Callable[[int], None] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
        distinct = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        inverse = np.array([distinct[text] for text in texts], dtype=np.int64)
        copies = np.bincount(inverse, minlength=len(distinct))
        ids, truncated, n_tokens = self._encoder.encode_texts(list(distinct), self.max_text_tokens)
        log_likelihoods = np.empty((len(distinct), len(self._encoder.label_ids)))
        for rows, values in self._batches(ids):
            log_likelihoods[rows] = values
            if progress is not None:
                progress(int(copies[rows].sum()))
        return log_likelihoods[inverse], n_tokens[inverse], truncated[inverse]

    def _batches(
        self, ids: list[npt.NDArray[np.int32]]
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
        lengths = np.array([len(row) for row in ids], dtype=np.int64) + self._frame.extra
        for rows in plan_batches(lengths, self.max_tokens):
            batch = pack([ids[row] for row in rows], self._frame)
            hidden = self._network.hidden(batch, self._prefix, self._tree.visible)
            yield rows, self._tree.log_likelihoods(*self._label_scores(hidden, len(rows)))

    def _label_scores(
        self, hidden: Tensor, n: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits of the labels' first tokens (n, f) and log-probabilities of the later ones (n, steps)."""
        nodes = hidden.view(n, 1 + len(self._tree.branch_ids), -1)
        first = nodes[:, 0] @ self._first_rows.T
        if not len(self._tree.branch_ids):
            return first.cpu().numpy(), np.empty((n, 0), dtype=np.float32)
        logits = nodes[:, 1:] @ self._network.head.float().T
        steps = logits[:, self._tree.step_branches, self._tree.step_ids]
        totals = logits.logsumexp(dim=-1)[:, self._tree.step_branches]
        return first.cpu().numpy(), (steps - totals).cpu().numpy()

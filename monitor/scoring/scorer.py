"""Texts to probabilities: the likelihood of each label after the prompt, in input order.

`LabelScorer.score` is the entry point. No text is generated or parsed: P(emotion) is the likelihood of its label
words, normalised over the six emotions. If the prompt has a symptoms question, the same forward pass answers it. The
suffix of the symptoms question follows the emotion suffix as one more branch. This branch and the label branches do
not see each other, so the emotion answer is the same with and without the symptoms question.

A text of more than PIECE_TOKENS is scored in pieces (see `pieces`), which share batches with other texts.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import block_diag
from scipy.special import logsumexp
from torch import Tensor

from monitor.errors import ModelError
from monitor.model.calibration import temperatures
from monitor.model.label_tree import LabelTree, probabilities
from monitor.model.prompts import PromptEncoder
from monitor.model.symptoms import SymptomsCalibration, with_any
from monitor.model.token_rows import TokenRows
from monitor.scoring.batching import Frame, pack, plan_batches
from monitor.scoring.loading import LoadedModel
from monitor.scoring.pieces import MAX_PIECES, PIECE_TOKENS
from monitor.scoring.scores import PieceScores, Scores
from monitor.scoring.text_rows import TextRows, encode_cut, encode_pieces

logger = logging.getLogger(__name__)
CPU_TOKENS = 2048  # the activations of a batch stay in the cache
CUDA_TOKENS = 16384  # with TinyLlama on an H100, 8,192 are 3% slower and 32,768 no faster
# A GPU finishes a small batch of a narrow model before the next batch is launched. With the embedded model on an
# H200, 16,384 tokens in windows of 4,096 texts scored 46,217 texts/s; the values here scored 82,341 (before texts
# were tokenised by words).
NARROW, NARROW_TOKENS, NARROW_WINDOW = 1024, 262144, 16384
MIN_TOKENS = 256
FIRST_WINDOW, WINDOW = 1024, 4096  # number of texts that are tokenised and sorted by length together
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Answers:
    """The model's answers to each row of a run, over all windows; attributes as in TextRows.

    Attributes:
        log_likelihoods: (m, 6); symptoms: (m, answers), not calibrated.
        lengths: (m,) tokens of each row.
        parents: (m,) as in TextRows, counted from the first row of the run.
        inverse: for each given text, its row in `n_tokens` and `truncated`.
    """

    log_likelihoods: Floats
    symptoms: Floats
    lengths: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]
    parents: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    n_tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]
    inverse: npt.NDArray[np.int64]


class LabelScorer:
    """Scores texts with one model and prompt.

    Args:
        model: a model from `load_model`.
        max_tokens: largest number of tokens of a batch; None chooses it by device.
        max_pieces: largest number of pieces of a text to score; the rest of a longer text is not read.

    Raises:
        ModelError: the prompt leaves no room for a text within the model's positions.
    """

    def __init__(self, model: LoadedModel, *, max_tokens: int | None = None, max_pieces: int = MAX_PIECES) -> None:
        self.model, self.max_pieces = model, max_pieces
        self._network = model.network
        self._encoder = PromptEncoder(model.prompt, model.tokenizer)
        self._tree = LabelTree(self._encoder.label_ids)
        self._prefix = self._network.prefix_cache(self._encoder.prefix_ids)
        symptoms = self._encoder.symptoms
        chain = np.array(symptoms.suffix_ids if symptoms else (), dtype=np.int32)
        self._frame = Frame(
            np.array(self._encoder.suffix_ids, dtype=np.int32),
            np.concatenate([self._tree.branch_ids, chain]),
            np.concatenate([self._tree.branch_depths, np.arange(1, len(chain) + 1, dtype=np.int32)]),
            self._prefix.length,
        )
        self._visible = block_diag(self._tree.visible, np.tri(len(chain), dtype=np.bool_))
        on_gpu = self._network.device.type == "cuda"
        narrow = on_gpu and self._network.shape.hidden_size < NARROW
        self._window = NARROW_WINDOW if narrow else WINDOW
        self.max_tokens = max_tokens or (NARROW_TOKENS if narrow else CUDA_TOKENS if on_gpu else CPU_TOKENS)
        room = min(self._network.shape.max_positions - self._prefix.length, self.max_tokens) - self._frame.extra
        self.max_text_tokens = min(model.max_text_tokens, room)
        if self.max_text_tokens < 1:
            raise ModelError(
                f"the prompt ({self._prefix.length} + {self._frame.extra} tokens) leaves no room for a text; "
                "shorten the prompt or raise the token budget"
            )
        self.piece_tokens = min(PIECE_TOKENS, self.max_text_tokens)
        self._halved = False
        self._head = self._network.head
        device = self._network.device
        self._first_rows = self._head[torch.from_numpy(self._tree.first_ids).to(device)].float()
        self._step_branches = torch.from_numpy(self._tree.step_branches).to(device)
        self._step_rows = self._head[torch.from_numpy(self._tree.step_ids).to(device)].float()
        self._symptom_rows = self._head[:0].float()
        if symptoms:
            words = self._head[torch.tensor(symptoms.word_ids, device=device)].float()
            self._symptom_rows = words - self._head[symptoms.none_id].float()

    @property
    def tokens_beside_text(self) -> int:
        """Tokens computed for each text in addition to its own: suffix, label branches and symptoms suffix."""
        return self._frame.extra

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Scores:
        """P(emotion) and P(criterion) of each text; identical texts are scored once.

        Args:
            texts: any strings, empty ones too.
            progress: called with the number of texts done since the last call.

        Raises:
            ModelError: the model's answer to a text is not a number.
        """
        run = self._run(texts, progress, in_pieces=True)
        emotions, symptoms = self._calibrated(run)
        high = self.model.risk_map.matrix()[:, -1]
        peaks = np.clip(emotions @ high, 0.0, 1.0)
        np.maximum.at(peaks, run.parents, peaks.copy())
        own = np.flatnonzero(run.parents == np.arange(len(peaks)))  # the pieces, without their sentences
        rows = PieceScores(
            run.owners[own],
            run.spans[own],
            run.lengths[own],
            emotions[own],
            None if symptoms is None else symptoms[own],
            high,
            peaks[own],
        )
        return rows.documents(run.inverse, run.n_tokens, run.truncated)

    def answers(self, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
        """P(emotion), (n, 6), and P(criterion) with P(any), (n, 12) or None; long texts are truncated."""
        run = self._run(texts, None, in_pieces=False)
        emotions, symptoms = self._calibrated(run)
        return emotions[run.inverse], None if symptoms is None else symptoms[run.inverse]

    def log_odds(self, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
        """Uncalibrated log-odds of high risk, (n,), and of criteria and any, (n, 12) or None; long texts are cut.

        Log-odds of high risk are ln P(high-risk emotions) - ln P(other emotions). They are 0 if the risk map has no
        high-risk emotion, or only high-risk emotions.
        """
        run = self._run(texts, None, in_pieces=False)
        high = self.model.risk_map.matrix()[:, -1] > 0
        odds = np.zeros(len(run.log_likelihoods))
        if high.any() and not high.all():
            odds = logsumexp(run.log_likelihoods[:, high], axis=1) - logsumexp(run.log_likelihoods[:, ~high], axis=1)
        symptoms = with_any(run.symptoms[run.inverse]) if self._encoder.symptoms else None
        return odds[run.inverse], symptoms

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """First and last character (exclusive) of each piece of a text that `score` reads."""
        rows = encode_pieces(self._encoder, self.piece_tokens, self.max_pieces, [text], 0, with_sentences=False)
        return [(int(first), int(last)) for first, last in rows.spans]

    def _calibrated(self, run: _Answers) -> tuple[Floats, Floats | None]:
        """P(emotion), (m, 6), and P(criterion) with P(any), (m, 12), of each row."""
        if not (np.isfinite(run.log_likelihoods).all() and np.isfinite(run.symptoms).all()):
            raise ModelError(f"{self.model.name}: its answers are not numbers; its weights are damaged or too large")
        scale, exponent = self.model.temperature, self.model.exponent
        if not self._encoder.symptoms:
            return probabilities(run.log_likelihoods, scale, exponent), None
        calibration = self.model.symptoms_calibration or SymptomsCalibration()
        symptoms = calibration.probabilities(with_any(run.symptoms))
        scales = temperatures(scale, self.model.sureness, symptoms[:, -1])
        return probabilities(run.log_likelihoods, scales, exponent), symptoms

    def log_likelihoods(self, texts: Sequence[str]) -> Floats:
        """Log-likelihood of each emotion's label, up to one constant per text, not calibrated; (n, 6).

        This method, `symptom_logits`, `answers` and `log_odds` cut a text to `max_text_tokens`.
        """
        answers = self._run(texts, None, in_pieces=False)
        return answers.log_likelihoods[answers.inverse]

    def symptom_logits(self, texts: Sequence[str]) -> Floats:
        """Answers to the symptoms question in the order of ANSWERS, not calibrated; (n, 12).

        Raises:
            ModelError: the prompt has no symptoms question.
        """
        if not self._encoder.symptoms:
            raise ModelError(f"{self.model.name}: its prompt has no symptoms question; train it with --symptoms")
        answers = self._run(texts, None, in_pieces=False)
        return with_any(answers.symptoms[answers.inverse])

    def _run(self, texts: Sequence[str], progress: Callable[[int], None] | None, *, in_pieces: bool) -> _Answers:
        distinct = {text: index for index, text in enumerate(dict.fromkeys(texts))}
        inverse = np.array([distinct[text] for text in texts], dtype=np.int64)
        copies = np.bincount(inverse, minlength=len(distinct))
        encoded: list[TextRows] = []
        scored: list[tuple[npt.NDArray[np.int64], Floats, Floats]] = []
        owners = np.empty(0, dtype=np.int64)
        left = np.zeros(len(distinct), dtype=np.int64)  # rows of each text that are not scored yet

        def windows() -> Iterator[tuple[int, TokenRows]]:
            nonlocal owners
            for window in self._encoded(list(distinct), in_pieces):
                first = len(owners)
                encoded.append(window)
                owners = np.concatenate([owners, window.owners])
                np.add.at(left, window.owners, 1)
                yield first, window.ids

        for done in (self._on_gpu if self._network.device.type == "cuda" else self._on_cpu)(windows()):
            *labels, answers = done.fetch()
            scored.append((done.rows, self._tree.log_likelihoods(*labels), answers.astype(np.float64)))
            np.subtract.at(left, owners[done.rows], 1)
            if progress is not None:
                texts_done = np.unique(owners[done.rows])
                progress(int(copies[texts_done[left[texts_done] == 0]].sum()))
        return self._collected(encoded, scored, inverse)

    def _collected(
        self,
        encoded: list[TextRows],
        scored: list[tuple[npt.NDArray[np.int64], Floats, Floats]],
        inverse: npt.NDArray[np.int64],
    ) -> _Answers:
        lengths = np.concatenate([np.empty(0, np.int64), *(window.ids.lengths for window in encoded)])
        log_likelihoods = np.empty((len(lengths), len(self._encoder.label_ids)))
        symptoms = np.empty((len(lengths), len(self._symptom_rows)))
        for rows, labels, answers in scored:
            log_likelihoods[rows], symptoms[rows] = labels, answers
        firsts = np.cumsum([0, *(len(window.ids) for window in encoded)])
        parents = [window.parents + first for window, first in zip(encoded, firsts, strict=False)]
        return _Answers(
            log_likelihoods,
            symptoms,
            lengths,
            np.concatenate([np.empty(0, np.int64), *(window.owners for window in encoded)]),
            np.concatenate([np.empty(0, np.int64), *parents]),
            np.concatenate([np.empty((0, 2), np.int64), *(window.spans for window in encoded)]),
            np.concatenate([np.empty(0, np.int32), *(window.n_tokens for window in encoded)]),
            np.concatenate([np.empty(0, np.bool_), *(window.truncated for window in encoded)]),
            inverse,
        )

    def _encoded(self, texts: list[str], in_pieces: bool) -> Iterator[TextRows]:
        """Windows of texts as tokens; a thread tokenises the next window while the previous one is scored.

        The first window is small, so that scoring starts at once.
        """
        edges = [0, *range(min(FIRST_WINDOW, len(texts)), len(texts), self._window), len(texts)]
        windows = [slice(first, last) for first, last in pairwise(edges) if last > first]
        encode = (
            partial(encode_pieces, self._encoder, self.piece_tokens, self.max_pieces)
            if in_pieces
            else partial(encode_cut, self._encoder, self.max_text_tokens)
        )
        with ThreadPoolExecutor(1) as pool:
            tasks = (pool.submit(encode, texts[window], window.start) for window in windows)
            ahead = next(tasks, None)
            for _ in windows:
                ready, ahead = ahead, next(tasks, None)
                assert ready is not None
                yield ready.result()

    def _on_cpu(self, windows: Iterable[tuple[int, TokenRows]]) -> Iterator[_Running]:
        """One batch per core at a time: several small matrices use the cores better than one large matrix."""
        cores = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                for first, ids in windows:
                    lengths = self._lengths(ids)
                    budget = min(self.max_tokens, max(MIN_TOKENS, int(lengths.sum()) // cores + 1))
                    yield from pool.map(partial(self._launch, first, ids), plan_batches(lengths, budget))
        finally:
            torch.set_num_threads(cores)

    def _on_gpu(self, windows: Iterable[tuple[int, TokenRows]]) -> Iterator[_Running]:
        """Launch each batch before fetching the previous one, also across windows, so that the GPU never waits."""
        running: deque[_Running] = deque()
        for first, ids in windows:
            lengths = self._lengths(ids)
            waiting = deque(plan_batches(lengths, self.max_tokens))
            while waiting:
                if len(running) == 2:
                    yield running.popleft()
                rows = waiting.popleft()
                try:
                    running.append(self._launch(first, ids, rows))
                except torch.OutOfMemoryError as fault:
                    self._halve(fault)
                    left = np.concatenate([rows, *waiting])
                    waiting = deque(left[part] for part in plan_batches(lengths[left], self.max_tokens))
        yield from running

    def _lengths(self, ids: TokenRows) -> npt.NDArray[np.int64]:
        """Tokens of each text's block; (n,)."""
        return ids.lengths + self._frame.extra

    def _launch(self, first: int, ids: TokenRows, rows: npt.NDArray[np.int64]) -> _Running:
        batch = pack(ids.take(rows), self._frame)
        hidden = self._network.hidden(batch, self._prefix, self._visible)
        return _Running(first + rows, *self._label_scores(hidden, len(rows)))

    def _halve(self, fault: Exception) -> None:
        if self.max_tokens // 2 < MIN_TOKENS:
            raise ModelError(
                "the GPU has too little free memory for this model; free some, or use the CPU"
            ) from fault
        if not self._halved:
            logger.warning("out of GPU memory: going on with batches of %d tokens", self.max_tokens // 2)
        self._halved = True
        self.max_tokens //= 2
        torch.cuda.empty_cache()

    @torch.inference_mode()
    def _label_scores(self, hidden: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the labels' first tokens (n, f), log-probabilities of later ones (n, steps), answers (n, a)."""
        nodes = hidden.view(n, 1 + len(self._frame.branch_ids), -1)
        n_branches = len(self._tree.branch_ids)
        first = nodes[:, 0] @ self._first_rows.T
        answers = nodes[:, -1] @ self._symptom_rows.T
        if not n_branches:
            return first, first.new_empty((n, 0)), answers
        later = nodes[:, 1 : 1 + n_branches].reshape(-1, hidden.shape[1])
        if hidden.is_cuda and self._head.dtype != torch.float32:
            logits = torch.mm(later.to(self._head.dtype), self._head.T, out_dtype=torch.float32)
        else:
            logits = later @ self._head.float().T
        totals = logits.logsumexp(dim=-1).view(n, -1)
        steps = (nodes[:, 1 + self._step_branches] * self._step_rows).sum(dim=-1)
        return first, steps - totals[:, self._step_branches], answers


class _Running:
    """A batch on the device: its rows, and its results, which are copied to the host in the background."""

    def __init__(self, rows: npt.NDArray[np.int64], *parts: Tensor) -> None:
        self.rows = rows
        self._event = torch.cuda.Event() if parts[0].is_cuda else None  # type: ignore[no-untyped-call]
        self._parts = [_to_host(part) for part in parts]
        if self._event:
            self._event.record()

    def fetch(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Wait until the results are on the host; returns the arrays of `_label_scores` in the same order."""
        if self._event:
            self._event.synchronize()
        return tuple(part.numpy() for part in self._parts)


def _to_host(tensor: Tensor) -> Tensor:
    if not tensor.is_cuda:
        return tensor
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)

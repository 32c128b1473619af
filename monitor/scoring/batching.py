"""Plan which texts go into a batch together, and lay their tokens end to end without padding.

A batch holds one block per text. A block is the text's tokens, the prompt's suffix, and branch tokens. Branch tokens
are the tokens of labels that are several tokens long (see `label_tree`), and the suffix of the symptoms question. The
prompt's prefix is in no block: its keys and values are computed once and shared. Texts are sorted longest first, so
that a batch holds few different lengths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.model.token_rows import TokenRows

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Frame:
    """The surroundings of every text of a run: the tokens after a text, and the number of positions before it.

    Attributes:
        suffix_ids: (s,) tokens between the text and its label.
        branch_ids: (b,) input tokens after the suffix, on branches that do not see each other.
        branch_depths: (b,) number of tokens of the branch up to and including each token, 1 for a first token.
        prefix_length: number of prompt tokens before every text.
    """

    suffix_ids: Ints
    branch_ids: Ints
    branch_depths: Ints
    prefix_length: int

    @property
    def extra(self) -> int:
        """Number of tokens of a block in addition to the text's own."""
        return len(self.suffix_ids) + len(self.branch_ids)


@dataclass(frozen=True)
class PackedBatch:
    """Texts laid end to end.

    Attributes:
        token_ids: (tokens,) the blocks, one after the other.
        positions: (tokens,) the position of each token in its prompt, prefix included.
        starts: (texts + 1,) index of each block's first token; the last value is the number of tokens.
        n_scored: how many rows at the end of each block carry label scores: the last suffix token, then the
            branch tokens.
    """

    token_ids: Ints
    positions: Ints
    starts: Ints
    n_scored: int

    @property
    def lengths(self) -> Ints:
        """(texts,) tokens of each block."""
        return np.diff(self.starts)


def plan_batches(lengths: npt.ArrayLike, max_tokens: int) -> list[npt.NDArray[np.int64]]:
    """Split texts into batches of at most `max_tokens` tokens, longest first.

    Texts of one length stay in input order; a text longer than the budget has a batch of its own.

    Args:
        lengths: (n,) tokens of each text.
        max_tokens: the budget of a batch, in tokens.

    Returns:
        Indices into `lengths`, one array per batch; each index is in exactly one of them.
    """
    tokens = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-tokens, kind="stable")
    ends = np.cumsum(tokens[order])
    batches, first = [], 0
    while first < len(order):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + max_tokens, side="right")), first + 1)
        batches.append(order[first:last])
        first = last
    return batches


def pack(texts: Iterable[npt.ArrayLike], frame: Frame) -> PackedBatch:
    """Lay texts end to end, each followed by the frame's suffix and branch tokens.

    Args:
        texts: n rows of token ids.
        frame: the surroundings of the texts.
    """
    rows = TokenRows.of(texts)
    own = rows.lengths.astype(np.int32)
    lengths = own + frame.extra
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    offset = np.arange(starts[-1], dtype=np.int32) - np.repeat(starts[:-1], lengths)
    after = offset - np.repeat(own, lengths)  # from 0 in the suffix, negative in the text
    closing = after >= 0
    token_ids = np.empty(int(starts[-1]), dtype=np.int32)
    token_ids[~closing] = rows.ids
    token_ids[closing] = np.concatenate([frame.suffix_ids, frame.branch_ids])[after[closing]]
    # A branch token's distance from the suffix is the number of its branch's tokens up to and including it.
    n_suffix = len(frame.suffix_ids)
    places = np.concatenate([np.arange(n_suffix), n_suffix - 1 + frame.branch_depths]).astype(np.int32)
    offset[closing] += places[after[closing]] - after[closing]
    return PackedBatch(token_ids, offset + frame.prefix_length, starts, 1 + len(frame.branch_ids))

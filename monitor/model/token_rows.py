"""Rows of token ids in one array, because creating an array per row would take more time than tokenising."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]


class TokenRows(Sequence[Ids]):
    """Rows of token ids, laid end to end; `rows[i]` is an array of shape (length,).

    Attributes:
        ids: (tokens,) the rows, one after the other.
        lengths: (rows,) tokens of each row.
        starts: (rows,) where each row begins in `ids`.
    """

    def __init__(self, ids: Ids, lengths: npt.ArrayLike) -> None:
        self.ids = ids
        self.lengths: Places = np.asarray(lengths, dtype=np.int64)
        self.starts: Places = np.cumsum(self.lengths) - self.lengths

    @classmethod
    def of(cls, rows: Iterable[npt.ArrayLike]) -> TokenRows:
        """The rows as TokenRows; a TokenRows stays as it is."""
        if isinstance(rows, TokenRows):
            return rows
        arrays = [np.asarray(row, dtype=np.int32) for row in rows]
        return cls(np.concatenate([np.empty(0, dtype=np.int32), *arrays]), [len(row) for row in arrays])

    @classmethod
    def joined(cls, parts: Sequence[TokenRows]) -> TokenRows:
        """The rows of all parts, one part after the other."""
        ids = np.concatenate([np.empty(0, dtype=np.int32), *(part.ids for part in parts)])
        return cls(ids, np.concatenate([np.empty(0, dtype=np.int64), *(part.lengths for part in parts)]))

    def take(self, places: npt.ArrayLike) -> TokenRows:
        """The rows with these indices, in the order of the indices."""
        chosen = np.asarray(places, dtype=np.int64)
        return self.cut(self.starts[chosen], self.lengths[chosen])

    def cut(self, starts: Places, lengths: Places) -> TokenRows:
        """New rows: parts of `ids` that begin at `starts` and have `lengths` tokens."""
        shift = starts - (np.cumsum(lengths) - lengths)
        return TokenRows(self.ids[np.arange(int(lengths.sum())) + np.repeat(shift, lengths)], lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Ids: ...
    @overload
    def __getitem__(self, index: slice) -> TokenRows: ...
    def __getitem__(self, index: int | slice) -> Ids | TokenRows:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        first = self.starts[index]
        return self.ids[first : first + self.lengths[index]]

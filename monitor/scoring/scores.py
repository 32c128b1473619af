"""The scores of documents, and their computation from the scores of pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PieceScores:
    """One row per piece, ordered by document and by position in the text.

    Attributes:
        owners: (m,) the document of each piece.
        spans: (m, 2) first and last character (exclusive) of the piece.
        n_tokens: (m,) tokens of the piece.
        probabilities: (m, 6) P(emotion) in the order of EMOTIONS.
        symptoms: (m, 12) P(criterion) and P(any); None without the symptoms question.
        high: (6,) 1 for the emotions of high risk, 0 for the others.
        peak_high: (m,) the greatest P(high risk) of the piece and, in a long text, of its single sentences.
    """

    owners: Ints
    spans: Ints
    n_tokens: Ints
    probabilities: Floats
    symptoms: Floats | None
    high: Floats
    peak_high: Floats

    @property
    def p_high(self) -> Floats:
        """P(high risk) of each piece; (m,)."""
        return np.clip(self.probabilities @ self.high, 0.0, 1.0)

    @property
    def numbers(self) -> Ints:
        """The number of each piece in its document, from 1; (m,)."""
        return np.arange(len(self.owners)) - np.searchsorted(self.owners, self.owners) + 1

    def documents(self, inverse: Ints, n_tokens: npt.NDArray[np.int32], truncated: npt.NDArray[np.bool_]) -> Scores:
        """The scores of documents 0 to n - 1, one row for each entry of `inverse`.

        Emotions are means of the pieces, weighted by tokens, so that they sum to 1. The other scores are maxima.

        Args:
            inverse: (k,) the document of each row of the result.
            n_tokens: (n,) tokens of each document.
            truncated: (n,) whether a part of the document is in no piece.
        """
        if not len(n_tokens):
            none = None if self.symptoms is None else np.empty((0, self.symptoms.shape[1] - 1))
            any_shown = None if none is None else np.empty(0)
            return Scores(self.probabilities, n_tokens, truncated, none, any_shown)
        starts = np.searchsorted(self.owners, np.arange(len(n_tokens)))
        n_pieces = np.diff(np.append(starts, len(self.owners)))
        weights = np.maximum(self.n_tokens, 1).astype(np.float64)
        share = weights / np.repeat(np.add.reduceat(weights, starts), n_pieces)
        emotions = np.add.reduceat(self.probabilities * share[:, None], starts, axis=0)
        read = np.where(truncated, np.add.reduceat(self.n_tokens, starts), n_tokens)
        symptoms = None if self.symptoms is None else np.maximum.reduceat(self.symptoms, starts, axis=0)[inverse]
        return Scores(
            emotions[inverse],
            n_tokens[inverse],
            truncated[inverse],
            None if symptoms is None else symptoms[:, :-1],
            None if symptoms is None else symptoms[:, -1],
            np.maximum.reduceat(self.peak_high, starts)[inverse],
            n_pieces[inverse],
            read[inverse],
            self._of_long_ones(inverse, starts, n_pieces),
        )

    def _of_long_ones(self, inverse: Ints, starts: Ints, n_pieces: Ints) -> PieceScores:
        """The pieces of documents with several pieces; their owners are rows of the result."""
        rows = np.flatnonzero(n_pieces[inverse] > 1)
        places = [np.arange(starts[own], starts[own] + n_pieces[own]) for own in inverse[rows]]
        pieces = np.concatenate([np.empty(0, dtype=np.int64), *places])
        return PieceScores(
            np.repeat(rows, n_pieces[inverse[rows]]),
            self.spans[pieces],
            self.n_tokens[pieces],
            self.probabilities[pieces],
            None if self.symptoms is None else self.symptoms[pieces],
            self.high,
            self.peak_high[pieces],
        )


@dataclass(frozen=True)
class Scores:
    """One row per text, in input order.

    Attributes:
        probabilities: (n, 6) P(emotion) in the order of EMOTIONS; rows sum to 1. A text of several pieces has the
            mean of its pieces, weighted by their tokens.
        n_tokens: (n,) tokens of the text.
        truncated: (n,) whether a part of the text was not read.
        criteria: (n, 11) independent P(criterion) in the order of CRITERIA, the greatest of the text's pieces; None
            without the symptoms question.
        any: (n,) P(some criterion); None without the symptoms question.
        peak_high: (n,) the greatest P(high risk) of the text's pieces and of their single sentences; a text of at
            most `pieces.ONE_LOOK` tokens has its own P(high risk).
        n_pieces: (n,) pieces that were scored.
        n_tokens_read: (n,) tokens that were read.
        pieces: the pieces of texts with more than one piece; `owners` are rows of this table.
    """

    probabilities: Floats
    n_tokens: npt.NDArray[np.int32]
    truncated: npt.NDArray[np.bool_]
    criteria: Floats | None = None
    any: Floats | None = None
    peak_high: Floats | None = None
    n_pieces: Ints | None = None
    n_tokens_read: Ints | None = None
    pieces: PieceScores | None = None

"""Explain a text's score: its sentences with their own answers, and the effect of each word, measured by occlusion.

One half of the words is left out, then the other half, for PAIRS pairs of halves; each word is also read alone. A
ridge regression estimates what each word adds to the answer's log-odds. It starts from the answer to the word alone,
and the answers to the halves correct this. The halves are balanced (Plackett and Burman 1946, Biometrika), so that
the effects of up to PAIRS words are told apart. Because the halves come in pairs, joint effects of two words cancel
out (Covert and Lee 2021, AISTATS). Leaving out one word at a time says less, because an answer that several words
support hardly changes when one of them is missing. The answers are P(high risk), the sum of a set of emotions against
the rest, and P(criterion) of the criterion that was found, both before calibration. All variants of all texts are
scored in one call, so that the scorer packs them into full batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from monitor.explanation.words import Span, without, word_spans
from monitor.labels import ANSWERS, CRITERIA, RiskMap, names_above
from monitor.model.sentences import told_sentences

PAIRS = 32  # pairs of halves; the model reads each token of a text as many times; a power of two
RIDGE = 2.0  # penalty beside a diagonal of PAIRS, because some passages have more words than pairs
STANDS_OUT = 2.0  # a word's weight counts from so many standard errors on
CALM = 0.3  # below this P(high risk) a passage has no such answer to explain, and no word gets a weight
Floats = npt.NDArray[np.float64]


class Model(Protocol):
    """The part of `monitor.scoring.loading.LoadedModel` that an explanation uses."""

    @property
    def model_id(self) -> str:
        """Hash of everything that a score depends on."""

    @property
    def risk_map(self) -> RiskMap:
        """The risk level of each emotion."""

    @property
    def criteria_limits(self) -> Mapping[str, float] | None:
        """The probability above which each criterion, and any, counts as shown."""


@runtime_checkable
class Answerer(Protocol):
    """The part of `monitor.scoring.scorer.LabelScorer` that an explanation uses."""

    @property
    def model(self) -> Model:
        """The model that answers."""

    @property
    def tokens_beside_text(self) -> int:
        """Tokens computed for each text in addition to its own."""

    def answers(self, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
        """P(emotion), (n, 6), and P(criterion) with P(any), (n, 12), or None."""

    def log_odds(self, texts: Sequence[str]) -> tuple[Floats, Floats | None]:
        """Log-odds of high risk, (n,), and of the criteria and any, (n, 12), or None; not calibrated."""

    def pieces(self, text: str) -> list[Span]:
        """First and last character (exclusive) of each piece that is read."""


class Sentence(NamedTuple):
    """A sentence, its own P(high risk), the criteria above their limits, and its place."""

    first: int
    last: int
    p_high: float
    criteria: tuple[str, ...]


class Word(NamedTuple):
    """A word and its weights: what it adds to the log-odds of P(high risk) and of the criterion.

    A weight of less than STANDS_OUT standard errors is 0, because nothing shows that the word has an effect. All
    weights are 0 if the passage does not give the answer: P(high risk) is below CALM, or there is no criterion.
    """

    first: int
    last: int
    high: float
    criterion: float


@dataclass(frozen=True)
class Explanation:
    """The explanation of a text's score. Characters are counted in the whole text.

    Attributes:
        first, last: the passage whose words have weights: the whole text, or the piece most decisive for the answer.
        p_high: P(high risk) of the passage.
        criterion: the criterion found in the passage, whose words have weights; None if none was found.
        p_criterion: its probability in the passage; None if none was found.
        sentences: of the part of the text that is read.
        words: of the passage.
    """

    first: int
    last: int
    p_high: float
    criterion: str | None
    p_criterion: float | None
    sentences: tuple[Sentence, ...]
    words: tuple[Word, ...]


class Passage(NamedTuple):
    """The passage of a text whose words get weights, and the sentences of the whole text."""

    first: int
    last: int
    p_high: float
    criterion: str | None
    p_criterion: float | None
    sentences: tuple[Sentence, ...]


def explain(scorer: Answerer, texts: Sequence[str]) -> list[Explanation]:
    """Explain the answer to each text, with two calls of the scorer for all texts."""
    passages = find_passages(scorer, texts)
    spans = [word_spans(text, one.first, one.last) for text, one in zip(texts, passages, strict=True)]
    weights = weigh_words(scorer, texts, spans, [one.criterion for one in passages])
    return [
        Explanation(
            *passage,
            tuple(
                Word(*span, high if passage.p_high >= CALM else 0.0, criterion)
                for span, (high, criterion) in zip(words, own.clear(), strict=True)
            ),
        )
        for passage, words, own in zip(passages, spans, weights, strict=True)
    ]


class Weights(NamedTuple):
    """What each word of a passage adds to the log-odds of high risk, and of a criterion.

    Attributes:
        values: (words, 2).
        errors: their standard errors, (words, 2).
    """

    values: Floats
    errors: Floats

    def clear(self) -> list[list[float]]:
        """The values of each word; a value that does not stand out from the noise becomes 0."""
        values: list[list[float]] = np.where(
            np.abs(self.values) > STANDS_OUT * self.errors, self.values, 0.0
        ).tolist()
        return values


def weigh_words(
    scorer: Answerer,
    texts: Sequence[str],
    words: Sequence[Sequence[Span]],
    criteria: Sequence[str | None] | None = None,
) -> list[Weights]:
    """What each word adds to the log-odds of high risk and of a criterion; one call of the scorer for all texts.

    Args:
        scorer: the model.
        texts: n texts.
        words: for each text, the (first, end) places of its words. Text outside these places is left out.
        criteria: for each text the criterion to weigh, or None; without one the second weight of each word is 0.
    """
    halves = [_halves(len(own)) for own in words]
    variants = [
        without(text, own, is_left_out)
        for text, own, pairs in zip(texts, words, halves, strict=True)
        for is_left_out in (*~pairs, *pairs, *~np.eye(len(own), dtype=np.bool_), np.ones(len(own), dtype=np.bool_))
    ]
    high, symptoms = scorer.log_odds(variants)
    found, row = [], 0
    for pairs, criterion in zip(halves, criteria or [None] * len(texts), strict=True):
        rows = slice(row, row + 2 * len(pairs) + pairs.shape[1] + 1)
        row = rows.stop
        odds = np.stack([high[rows], np.zeros(rows.stop - rows.start)], axis=1)
        if criterion is not None and symptoms is not None:
            odds[:, 1] = symptoms[rows, ANSWERS.index(criterion)]
        found.append(_weights(pairs, odds))
    return found


def _halves(n_words: int) -> npt.NDArray[np.bool_]:
    """Halves of a text's words, the same in every call; (PAIRS, n_words).

    In every block of PAIRS words, any two words are in the same half in half of the pairs. The order of the pairs in
    each block, and each word's column and side, are random with a fixed seed.
    """
    from scipy.linalg import hadamard  # slow to import, and every night imports this module

    rng, balanced = np.random.default_rng(0), hadamard(PAIRS) > 0
    blocks = [
        balanced[rng.permutation(PAIRS)][:, rng.permutation(PAIRS)[: n_words - first]]
        for first in range(0, n_words, PAIRS)
    ]
    return np.concatenate([np.empty((PAIRS, 0), dtype=np.bool_), *blocks], axis=1) ^ (rng.random(n_words) < 0.5)


def _weights(halves: npt.NDArray[np.bool_], odds: Floats) -> Weights:
    """The weight of each word of one text, by a regression of log-odds on which words were kept.

    Args:
        halves: (PAIRS, words), the words that are kept.
        odds: (2 * PAIRS + words + 1, 2), log-odds of high risk and of the criterion, where only these words
            are kept, where only the others are, where each word is kept alone, and where no word is.
    """
    sides = np.where(halves, 1.0, -1.0)
    gains = odds[:PAIRS] - odds[PAIRS : 2 * PAIRS]
    alone = odds[2 * PAIRS : -1] - odds[-1]
    expected = sides @ alone
    squares = (expected**2).sum(axis=0)
    share = np.divide((expected * gains).sum(axis=0), squares, out=np.zeros(2), where=squares > 0).clip(0.0)
    rest = gains - share * expected
    products = sides.T @ sides
    inverse = np.linalg.inv(products + RIDGE * np.eye(len(products)))
    slopes = inverse @ sides.T @ rest
    misfit = rest - sides @ slopes
    variance = (misfit**2).sum(axis=0) / (PAIRS - np.trace(inverse @ products))
    return Weights(share * alone + slopes, np.sqrt(np.outer(np.diag(inverse), variance)))


def find_passages(scorer: Answerer, texts: Sequence[str]) -> list[Passage]:
    """The sentences of each text, and its passage that is most decisive for the answer."""
    pieces = [scorer.pieces(text) for text in texts]
    sentences = [
        [part for first, last in own for part in told_sentences(text, first, last)]
        for text, own in zip(texts, pieces, strict=True)
    ]
    parts = [
        text[first:last].strip()
        for text, own, inner in zip(texts, pieces, sentences, strict=True)
        for first, last in (*own, *inner)
    ]
    emotions, symptoms = scorer.answers(parts)
    p_high = np.clip(emotions @ scorer.model.risk_map.matrix()[:, -1], 0.0, 1.0)
    limits = scorer.model.criteria_limits
    named = names_above(symptoms[:, :-1], limits) if symptoms is not None and limits else [""] * len(parts)
    passages, row = [], 0
    for own, inner in zip(pieces, sentences, strict=True):
        of_pieces, of_sentences = slice(row, row + len(own)), slice(row + len(own), row + len(own) + len(inner))
        row = of_sentences.stop
        stated = tuple(
            Sentence(first, last, float(p), tuple(filter(None, names.split(","))))
            for (first, last), p, names in zip(inner, p_high[of_sentences], named[of_sentences], strict=True)
        )
        chosen, criterion = _chosen(own, stated, p_high[of_pieces], named[of_pieces])
        p_criterion = None
        if criterion is not None and symptoms is not None:
            p_criterion = float(symptoms[of_pieces.start + chosen, CRITERIA.index(criterion)])
        first, last = own[chosen] if own else (0, 0)
        high = float(p_high[of_pieces.start + chosen]) if own else 0.0
        passages.append(Passage(first, last, high, criterion, p_criterion, stated))
    return passages


def _chosen(
    pieces: Sequence[Span], sentences: Sequence[Sentence], p_high: Floats, named: Sequence[str]
) -> tuple[int, str | None]:
    """The piece to weigh, and its criterion.

    A piece with thoughts of death is preferred to the one with the darkest sentence.
    """
    peaks = [
        max([float(p), *(s.p_high for s in sentences if first <= s.first and s.last <= last)])
        for (first, last), p in zip(pieces, p_high, strict=True)
    ]
    order = sorted(range(len(pieces)), key=lambda piece: ("suicidal" not in named[piece].split(","), -peaks[piece]))
    if not order:
        return 0, None
    names = named[order[0]].split(",")
    return order[0], "suicidal" if "suicidal" in names else (names[0] or None)

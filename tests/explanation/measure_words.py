"""Measure which way to weigh words is nearest to weights from many more variants; no test.

python -m tests.explanation.measure_words ../shared/data

The texts are those that the choice may see: validation texts, and every second post, the others of which
`evaluate --posts` measures.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from monitor.corpora.sources import read_posts
from monitor.corpora.splits import load_splits
from monitor.explanation.occlusion import PAIRS, RIDGE, Floats, find_passages, weigh_words
from monitor.explanation.words import Span, without, word_spans
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer

N = 16  # texts of each length
LENGTHS = {"5 to 15 words": (5, 15), "16 to 40 words": (16, 40), "over 40 words": (41, 10_000)}
REFERENCE_PAIRS = 512
SEED = 20
Kept = npt.NDArray[np.bool_]  # (variants, words)
Odds = Callable[[Kept], Floats]  # of high risk, (variants,)


def sample(scorer: LabelScorer, data: Path) -> dict[str, list[str]]:
    """N high-risk texts of each length: half of the shorter ones are validation texts, the others are of posts."""
    rng = np.random.default_rng(SEED)
    labelled = load_splits(str(data / "emotion"))["validation"].texts
    posts = read_posts(data / "external" / "support_forums_2013.parquet")[1::2]
    posts = [post for post in rng.permutation(np.array(posts, dtype=object)) if len(post.split()) >= 100][: 8 * N]
    validation = list(rng.permutation(np.array(labelled, dtype=object))[: 40 * N])
    passages = find_passages(scorer, posts)
    sentences = [
        post[one.first : one.last] for post, found in zip(posts, passages, strict=True) for one in found.sentences
    ]
    whole = [post[found.first : found.last] for post, found in zip(posts, passages, strict=True)]
    found = {}
    for name, (least, most) in LENGTHS.items():
        kinds = [validation, sentences] if most <= 40 else [whole]
        found[name] = []
        for texts in kinds:
            fitting = [text.strip() for text in texts if least <= len(text.split()) <= most]
            is_high = scorer.answers(fitting)[0].argmax(axis=1) == 0
            found[name] += [text for text, high in zip(fitting, is_high, strict=True) if high][: N // len(kinds)]
    return found


def halves(odds: Odds, n: int, rng: np.random.Generator, pairs: int = PAIRS) -> Floats:
    """A ridge regression on random halves and their other halves."""
    kept = rng.random((pairs, n)) < 0.5
    found, sides = odds(np.concatenate([kept, ~kept])), np.where(kept, 1.0, -1.0)
    slopes: Floats = np.linalg.solve(sides.T @ sides + RIDGE * np.eye(n), sides.T @ (found[:pairs] - found[pairs:]))
    return slopes


def left_out(odds: Odds, n: int) -> Floats:
    """What leaving out each word alone takes away."""
    found = odds(np.concatenate([np.ones((1, n), dtype=bool), ~np.eye(n, dtype=bool)]))
    return found[0] - found[1:]


def alone(odds: Odds, n: int) -> Floats:
    """What each word alone adds to no word."""
    found = odds(np.concatenate([np.zeros((1, n), dtype=bool), np.eye(n, dtype=bool)]))
    return found[1:] - found[0]


def permutations(odds: Odds, n: int, rng: np.random.Generator) -> Floats:
    """What words add one after the other, in random orders and their reverses: Shapley values by sampling."""
    orders = [rng.permutation(n) for _ in range(max(1, round(PAIRS / n)))]
    orders = [way for order in orders for way in (order, order[::-1])]
    kept = [np.argsort(order)[None] < np.arange(n + 1)[:, None] for order in orders]
    found = np.diff(odds(np.concatenate(kept)).reshape(len(orders), n + 1), axis=1)
    weights: Floats = np.mean([steps[np.argsort(order)] for steps, order in zip(found, orders, strict=True)], axis=0)
    return weights


def measured(scorer: LabelScorer, text: str, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Of each way: correlation with the reference, share of named words that it finds weak, cost in whole texts."""
    words: list[Span] = word_spans(text, 0, len(text))
    n, cost = len(words), [0]

    def odds(kept: Kept) -> Floats:
        cost[0] += int(kept.sum())
        return scorer.log_odds([without(text, words, ~some) for some in kept])[0]

    def ours() -> Floats:
        cost[0] += (PAIRS + 1) * n
        return weigh_words(scorer, [text], [words])[0].values[:, 0]

    ways: dict[str, Callable[[], Floats]] = {
        "balanced halves, corrected from each word alone": ours,
        "random halves": lambda: halves(odds, n, rng),
        "each word left out": lambda: left_out(odds, n),
        "each word alone": lambda: alone(odds, n),
        "mean of left out and alone": lambda: (left_out(odds, n) + alone(odds, n)) / 2,
        "random orders and their reverses": lambda: permutations(odds, n, rng),
    }
    reference, found = halves(odds, n, rng, REFERENCE_PAIRS), {}
    for name, way in ways.items():
        cost[0] = 0
        weights = way()
        top = [k for k in np.argsort(-weights)[:3] if weights[k] >= weights.max() / 3]
        weak = float(np.mean(reference[top] < 0.2 * reference.max()))
        found[name] = (float(np.corrcoef(weights, reference)[0, 1]), weak, cost[0] / n)
    return found


def main(data: Path) -> None:
    """Print the three figures of each way and length."""
    scorer = LabelScorer(load_model("embedded", device="cpu"))
    rng = np.random.default_rng(SEED)
    for length, texts in sample(scorer, data).items():
        rows = [measured(scorer, text, rng) for text in texts]
        print(f"\n{length}, {len(texts)} texts: correlation, named words that are weak, cost in texts")
        for name in rows[0]:
            correlation, weak, cost = np.mean([row[name] for row in rows], axis=0)
            print(f"  {name:<50} {correlation:.2f}  {weak:.0%}  {cost:.0f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

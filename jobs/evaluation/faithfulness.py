"""Measure the faithfulness of explanations' words, and of random words, attention, and gradient x input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from jobs.console.progress import print_warning, progress
from jobs.evaluation.methods import Engine
from monitor.evaluation.bootstrap import row_weights
from monitor.evaluation.metrics import metric_of
from monitor.explanation.faithfulness import faithfulness, high_risk
from monitor.explanation.occlusion import Answerer, find_passages, weigh_words
from monitor.explanation.words import Span, word_spans

POSTS = 500
LEAST_WORDS = 200  # words of a long post
GROUP = 50  # texts that are explained and measured together
OURS = "ours"
METHODS = (OURS, "random", "attention", "gradient")
MEASURES = ("comprehensiveness", "sufficiency", "turned")
Json = dict[str, Any]
Floats = npt.NDArray[np.float64]


def measure_words(
    engine: Engine, model: Any, texts: Sequence[str], posts: Sequence[str], resamples: int, seed: int
) -> list[Json]:
    """The faithfulness of a model's words, on those texts and long posts that it answers with high risk.

    Every second post is taken, in random order, until POSTS of them have a passage with a high-risk answer. The
    method was chosen on the other posts and on validation texts. A passage is the part of a text whose words the
    explanation weighs.

    Args:
        engine: makes the scorer.
        model: a LoadedModel with its network.
        texts: the test split.
        posts: any posts; posts of fewer than LEAST_WORDS words are skipped.
        resamples: bootstrap draws over texts.
        seed: seed of the draws, of the order of the posts, and of the random words.
    """
    from monitor.scoring.saliency import SaliencyReader

    scorer, reader = cast(Answerer, engine.scorer(model)), SaliencyReader(model)
    sets = {"test": _high(scorer, list(dict.fromkeys(texts))), "posts": _passages(scorer, posts, seed)}
    for name in [name for name, passages in sets.items() if not passages and (name == "test" or posts)]:
        print_warning(f"faithfulness is not measured on the {name}: no text there has a high-risk answer")
    return [
        {"model_id": model.model_id, "texts": name, **_measured(scorer, reader, passages, resamples, seed)}
        for name, passages in sets.items()
        if passages
    ]


def _high(scorer: Answerer, texts: Sequence[str]) -> list[str]:
    return [text for text, is_high in zip(texts, high_risk(scorer, texts), strict=True) if is_high and text.strip()]


def _passages(scorer: Answerer, posts: Sequence[str], seed: int) -> list[str]:
    long = [post for post in posts[::2] if len(post.split()) >= LEAST_WORDS]
    order = np.random.default_rng(seed).permutation(len(long))
    passages: list[str] = []
    for first in range(0, len(long), GROUP):
        if len(passages) >= POSTS:
            break
        some = [long[row] for row in order[first : first + GROUP]]
        places = find_passages(scorer, some)
        passages += _high(
            scorer, [text[one.first : one.last].strip() for text, one in zip(some, places, strict=True)]
        )
    return passages[:POSTS]


def _measured(scorer: Answerer, reader: Any, texts: Sequence[str], resamples: int, seed: int) -> Json:
    """Each measure of each method with its interval, and the differences between our words and random ones or the
    gradient's.
    """
    rng = np.random.default_rng(seed)
    values: dict[str, list[Floats]] = {method: [] for method in METHODS}
    words = [word_spans(text, 0, len(text)) for text in texts]
    with progress("faithfulness", "texts", len(texts)) as advance:
        for first in range(0, len(texts), GROUP):
            some, spans = texts[first : first + GROUP], words[first : first + GROUP]
            for method, weights in _weights(scorer, reader, some, spans, rng).items():
                values[method].append(np.stack(faithfulness(scorer, some, spans, weights)))
            advance(len(some))
    n = len(texts)
    draws = {
        method: np.concatenate(
            [weights @ np.concatenate(parts, axis=1).T / n for weights in row_weights(n, resamples, seed)]
        )
        for method, parts in values.items()
    }

    def metrics(drawn: Floats) -> Json:
        return {name: metric_of(drawn[:, k], None, n).to_json() for k, name in enumerate(MEASURES)}

    by_chance = draws["random"][:, 0]
    times = np.divide(draws[OURS][:, 0], by_chance, out=np.full(len(by_chance), np.nan), where=by_chance > 0)
    reason = None if by_chance[0] > 0 else "without random words P(high risk) does not fall"
    return {
        "n": n,
        "words": float(np.mean([len(spans) for spans in words])),
        "methods": {method: metrics(drawn) for method, drawn in draws.items()},
        "times_random": metric_of(times, reason, n).to_json(),
        "minus_gradient": metric_of(draws[OURS][:, 0] - draws["gradient"][:, 0], None, n).to_json(),
    }


def _weights(
    scorer: Answerer, reader: Any, texts: Sequence[str], words: Sequence[Sequence[Span]], rng: np.random.Generator
) -> Mapping[str, list[Floats]]:
    """The weight of each word of each text for high risk, by each method."""
    saliencies = [reader.weigh(text, spans) for text, spans in zip(texts, words, strict=True)]
    return {
        OURS: [found.values[:, 0] for found in weigh_words(scorer, texts, words)],
        "random": [rng.random(len(spans)) for spans in words],
        "attention": [saliency.attention for saliency in saliencies],
        "gradient": [saliency.gradient for saliency in saliencies],
    }

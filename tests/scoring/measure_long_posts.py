"""Measure on real long posts which figure of a text of several pieces the rules should read; no test.

python -m tests.scoring.measure_long_posts ../shared/data
python -m tests.scoring.measure_long_posts ../shared/data speed

Long posts (more than 200 tokens) of depression and suicide forums of 2013 are set against those of forums of no
mental-health topic, and against diaries of 2004. Posts that trained the model are left out.
With `speed`: what reading every word of the diaries costs, beside texts that are cut at 256 tokens.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

from jobs.evaluation.trained_texts import training_hashes
from monitor.corpora.mixture import is_listed
from monitor.scoring.loading import load_model
from monitor.scoring.scorer import LabelScorer
from monitor.scoring.text_rows import TextRows, encode_cut, encode_pieces

N = 240
POSTS, ROUNDS = 1000, 1  # of the measurement of speed
SEED = 20
TOPICS = ("depression", "SuicideWatch")
NEAR = (
    "bipolar",
    "BipolarReddit",
    "Anxiety",
    "socialanxiety",
    "mentalhealth",
    "BPD",
    "selfharm",
    "ADHD",
    "aspergers",
)
DRAWS = 1000


def sample(data: Path) -> dict[str, list[str]]:
    """N long posts of each kind: text alone."""
    posts = pl.read_parquet(data / "external" / "support_forums_2013.parquet").with_columns(
        text=pl.concat_str(pl.col("title").fill_null(""), pl.col("body").fill_null(""), separator="\n")
    )
    blogs = pl.read_parquet(data / "timelines" / "blogs_2004.parquet")
    kinds = {
        "topic": posts.filter(pl.col("subreddit").is_in(TOPICS)),
        "other forums": posts.filter(~pl.col("subreddit").is_in((*TOPICS, *NEAR))),
        "diaries": blogs,
    }
    long = pl.col("text").str.split(" ").list.len().is_between(230, 1500)
    trained = training_hashes("embedded")
    kinds = {name: frame.filter(~is_listed(frame["text"].to_list(), trained)) for name, frame in kinds.items()}
    return {name: frame.filter(long).sample(N, seed=SEED)["text"].to_list() for name, frame in kinds.items()}


def figures(scorer: LabelScorer, texts: list[str]) -> dict[str, np.ndarray]:
    """Each figure of each text; (n,) arrays."""
    high = scorer.model.risk_map.matrix()[:, -1]
    cut, cut_symptoms = scorer.answers(texts)
    scores = scorer.score(texts)
    pieces = scores.pieces
    assert pieces is not None
    assert scores.any is not None
    assert scores.peak_high is not None
    assert cut_symptoms is not None
    mean = scores.probabilities @ high
    greatest, second = mean.copy(), mean.copy()
    for row in np.unique(pieces.owners):
        own = np.sort(pieces.p_high[pieces.owners == row])
        greatest[row], second[row] = own[-1], own[-2:].mean()
    return {
        "cut at 256 tokens": cut @ high,
        "mean of pieces": mean,
        "greatest piece": greatest,
        "mean of the two greatest": second,
        "peak_high (darkest sentence)": scores.peak_high,
        "mean of mean and peak_high": (mean + scores.peak_high) / 2,
        "P(any), cut": cut_symptoms[:, -1],
        "P(any), greatest piece": scores.any,
    }


def speed(data: Path) -> None:
    """Print how many diaries are cut, and CPU time a text and a token of both ways to read them, by turns."""
    scorer = LabelScorer(load_model("embedded", device="cpu"))
    texts = pl.read_parquet(data / "timelines" / "blogs_2004.parquet")["text"].to_list()
    print(f"{len(texts):,} posts, of which are not read to their end:")
    encoder, most = scorer._encoder, (scorer.piece_tokens, scorer.max_pieces)
    ways: dict[str, tuple[Callable[[list[str]], TextRows], Callable[[list[str]], Any]]] = {
        "cut": (lambda some: encode_cut(encoder, scorer.max_text_tokens, some, 0), scorer.answers),
        "pieces": (lambda some: encode_pieces(encoder, *most, some, 0), scorer.score),
    }
    for name, (encode, _) in ways.items():
        print(
            f"  {name}: {sum(int(encode(texts[i : i + 4096]).truncated.sum()) for i in range(0, len(texts), 4096)):,}"
        )
    some = texts[:: len(texts) // POSTS][:POSTS]
    tokens = {name: sum(map(len, encode(some).ids)) for name, (encode, _) in ways.items()}
    rows = {name: len(encode(some).ids) for name, (encode, _) in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (_, score) in ways.items():
            started = time.process_time()
            score(some)
            seconds[name].append(time.process_time() - started)
    for name, spent in seconds.items():
        best, computed = min(spent), tokens[name] + rows[name] * scorer.tokens_beside_text
        print(f"{name}: {best:.1f} CPU s, {len(some) / best:,.1f} texts/s; {tokens[name]:,} tokens of text, "
              f"{computed:,} with those of the question, {computed / best:,.0f} tokens/s")  # fmt: skip


def main(data: Path) -> None:
    """Print AUROC of each figure, and its difference from the cut's with a bootstrap interval over texts."""
    scorer = LabelScorer(load_model("embedded", device="cpu"))
    found = {kind: figures(scorer, texts) for kind, texts in sample(data).items()}
    rng = np.random.default_rng(SEED)
    draws = [np.concatenate([rng.integers(0, N, N), N + rng.integers(0, N, N)]) for _ in range(DRAWS)]
    y = np.repeat([1, 0], N)
    for against in ("other forums", "diaries"):
        print(f"\ntopic against {against}, {N} posts each")
        for name in found["topic"]:
            base = "P(any), cut" if name.startswith("P(any)") else "cut at 256 tokens"
            a, b = (np.concatenate([found["topic"][key], found[against][key]]) for key in (name, base))
            gains = [roc_auc_score(y[i], a[i]) - roc_auc_score(y[i], b[i]) for i in draws]
            low, top = np.quantile(gains, [0.025, 0.975])
            auroc = roc_auc_score(y, a)
            print(f"  {name:<30} {auroc:.3f}  {auroc - roc_auc_score(y, b):+.3f} ({low:+.3f} to {top:+.3f})")
    for kind, of_kind in found.items():
        cut, peak = of_kind["cut at 256 tokens"], of_kind["peak_high (darkest sentence)"]
        hidden = ((peak >= 0.9) & (of_kind["mean of pieces"] < 0.4)).mean()
        print(f"{kind}: peak_high from 0.9 in {(peak >= 0.9).mean():.1%}, with a mean below 0.4 {hidden:.1%}; "
              f"mean P(high): cut {cut.mean():.3f}, pieces {of_kind['mean of pieces'].mean():.3f}")  # fmt: skip


if __name__ == "__main__":
    (speed if sys.argv[2:] == ["speed"] else main)(Path(sys.argv[1]))

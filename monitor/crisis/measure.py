"""Measure the shipped list on the data folder: `python -m monitor.crisis.measure [--data DIR] [--read NAME]`.

Prints, for each set, how many texts the list raises, with 95% Wilson intervals. With `--read NAME` it prints the
raised or missed texts of one set instead. A text of a forum counts as explicit when a plain search, independent of
the list, finds a word of suicide or self-harm in it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from scipy.stats import binomtest

from monitor.crisis.matching import CrisisList, Mention

EXPLICIT = re.compile(
    r"suicid|\bkill(?:ing|ed)? my ?self|\bend(?:ing)? my (?:own )?life|\btak(?:e|ing) my (?:own )?life|"
    r"\bend(?:ing)? it all|\b(?:want|wanted|wanting|wish) to (?:die|be dead)|\bwanna die|\bself[- ]?harm|"
    r"\b(?:cut|cutting|hurt|hurting|harm|harming|hang|hanging) my ?self|\bbetter off dead|\boverdos",
    re.IGNORECASE,
)
FORUMS = ("SuicideWatch", "depression")


def sets(data: Path, limit: int) -> Iterator[tuple[str, list[str]]]:
    """Name and texts of every set in the data folder."""
    forums = data / "external" / "support_forums_2013.parquet"
    if forums.exists():
        posts = pl.read_parquet(forums).with_columns(text=pl.concat_str("title", pl.lit("\n\n"), "body"))
        own = pl.col("subreddit").is_in(FORUMS)
        texts = posts.filter(own)["text"].drop_nulls().to_list()
        yield (
            "explicit posts of SuicideWatch and depression",
            [text for text in texts if EXPLICIT.search(text)],
        )
        yield (
            "other posts of SuicideWatch and depression",
            [text for text in texts if not EXPLICIT.search(text)],
        )
        texts = posts.filter(~own)["text"].drop_nulls().to_list()
        yield "explicit posts of 15 other forums", [text for text in texts if EXPLICIT.search(text)]
        yield "other posts of 15 other forums", [text for text in texts if not EXPLICIT.search(text)]
    comments = data / "external" / "goemotions_train_dev.parquet"
    if comments.exists():
        yield (
            "neutral comments",
            pl.read_parquet(comments).filter(pl.col("ekman") == "neutral")["text"].to_list(),
        )
    for name in ("diaries2004_0", "diaries2004_1"):
        diaries = data / "pretrain" / f"{name}.parquet"
        if diaries.exists():
            yield name, pl.read_parquet(diaries)["text"].head(limit).to_list()
    for path in sorted((data / "symptoms").glob("written_*.jsonl")):
        yield from written(path)


def written(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Texts of one file of symptom texts, grouped by the label suicidal and by kind."""
    kinds: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        label = "suicidal" if "suicidal" in row["criteria"] else row["kind"]
        kinds.setdefault(label, []).append(row["text"])
    for kind, texts in sorted(kinds.items()):
        yield f"{path.stem} {kind}", texts


def main() -> None:
    """Print the table, or read one set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RISK_MONITOR_DATA", "../shared/data")))
    parser.add_argument("--list", type=Path, default=None, help="a list of phrases; default: the shipped one")
    parser.add_argument("--limit", type=int, default=40_000, help="most diaries of a file")
    parser.add_argument("--read", default=None, help="a set whose texts are printed, by the start of its name")
    parser.add_argument("--missed", action="store_true", help="with --read: those not raised")
    parser.add_argument("--written", type=Path, nargs="*", default=[], help="more files of symptom texts")
    options = parser.parse_args()
    crisis = CrisisList.read(options.list)
    groups = list(sets(options.data, options.limit)) if not options.written else []
    groups += [group for path in options.written for group in written(path)]
    for name, texts in groups:
        if options.read is not None and not name.startswith(options.read):
            continue
        start = time.perf_counter()
        mentions = crisis.find(texts)
        seconds = time.perf_counter() - start
        raised = sum(is_raised(row) for row in mentions)
        n_held = sum(bool(row) and not is_raised(row) for row in mentions)
        low, high = binomtest(raised, len(texts)).proportion_ci(method="wilson") if texts else (0.0, 1.0)
        print(
            f"{name}: {raised} of {len(texts)} raised, {raised / max(len(texts), 1):.2%} ({low:.2%} to {high:.2%}), "
            f"{n_held} held, {len(texts) / seconds:,.0f} texts/s"
        )
        if options.read is not None:
            for text, row in zip(texts, mentions, strict=True):
                if is_raised(row) != options.missed:
                    _show(text, row)


def is_raised(mentions: Sequence[Mention]) -> bool:
    """Whether a text raises the channel."""
    return any(mention.state == "raised" for mention in mentions)


def _show(text: str, mentions: Sequence[Mention]) -> None:
    for mention in mentions:
        around = " ".join(text[max(0, mention.first - 70) : mention.last + 60].split())
        print(f"  {mention.state}/{mention.rule} [{text[mention.first : mention.last]}] {around}")
    if not mentions:
        print(f"  - {' '.join(text.split())[:300]}")


if __name__ == "__main__":
    main()

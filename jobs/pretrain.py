"""Rebuild the base of the embedded model from the data folder.

    risk-monitor pretrain --data DATA --out base

DATA holds pretrain/*.parquet (text), emotion/ (train, val, test, unsplit_extra.parquet) and
external/goemotions_train_dev.parquet. The defaults are the shipped base's: seven minutes on one H100; on two cores,
lower --steps.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from jobs.console.app import run
from jobs.console.output_folder import claim_model_folder
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.mixture import without_twins
from monitor.corpora.sources import Comments, instruction_pairs, read_comments, read_extra, read_texts
from monitor.corpora.splits import load_splits
from monitor.errors import ConfigError, DataError
from monitor.labels import EMOTIONS

FIRST_PERSON = re.compile(r"\b(?:i|im|ive|id|ill|me|my|myself)\b")
FIRST_PERSON_SHARE = 0.0526  # of all words: 85 of 100 posts have more
APOSTROPHES = str.maketrans("", "", "'\u2019")
TOKENIZER_POSTS = 30_000
WORD_REPEATS = 2000  # enough for every emotion word to become one token
PUNCTUATION = re.compile(r"[^\w\s]+")
LONGEST = 4000


def command(
    data: Annotated[Path, typer.Option(help="Folder with pretrain/, emotion/ and external/.")],
    out: Annotated[Path, typer.Option(help="Folder to write the NF4 base and its tokenizer to.")],
    steps: Annotated[int, typer.Option(min=1, help="Pretraining steps of batch x 256 tokens.")] = 5791,
    batch: Annotated[int, typer.Option(min=1, help="Windows of 256 tokens a step.")] = 384,
    hidden: Annotated[int, typer.Option(min=64, help="Hidden size; a multiple of 64.")] = 256,
    layers: Annotated[int, typer.Option(min=1, help="Decoder layers.")] = 6,
    mlp: Annotated[int, typer.Option(min=64, help="Inner size of the MLP; a multiple of 64.")] = 768,
    texts: Annotated[
        int | None, typer.Option(min=60, help="Use only so many texts of each kind (for a try).")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Rebuild the base of the built-in model: tokenizer, pretraining, instruction tuning, NF4."""
    from monitor.training import pretraining
    from monitor.training.checkpoint import pick_device, save_base

    if hidden % 64 or mlp % 64:
        raise ConfigError(
            f"--hidden {hidden} --mlp {mlp}: both must be multiples of 64, the block size of NF4"
        )
    console = Console()
    target = pick_device(device).type
    claim_model_folder(out)
    posts, unlabelled, comments = read_corpora(data, texts)
    console.print(f"read {len(posts):,} posts and {len(unlabelled):,} short texts, comments among them")
    plain = [PUNCTUATION.sub(" ", post) for post in posts]
    sample = posts[:TOKENIZER_POSTS] + plain[TOKENIZER_POSTS : 2 * TOKENIZER_POSTS]
    tokenizer = pretraining.build_tokenizer([*sample, *unlabelled, *_label_words(comments)])
    streams = [pretraining.encode_corpus(tokenizer, part) for part in (posts, plain, unlabelled)]
    console.print(f"tokenizer of {len(tokenizer):,} pieces; {sum(map(len, streams)) / 1e6:.1f} M tokens")
    shape = pretraining.BaseShape(hidden=hidden, layers=layers, heads=hidden // 64, mlp=mlp)
    network = pretraining.new_base(shape, tokenizer, seed)
    settings = pretraining.PretrainSettings(steps=steps, batch=batch, warmup=min(200, steps), seed=seed)
    sources = list(zip(streams, (0.47, 0.47, 0.06), strict=True))
    pretraining.pretrain(network, sources, settings, device=target, report=_line(console, "pretrain"))
    pairs = instruction_pairs(comments, np.random.default_rng(seed))
    tuned = {"batch": 32, "rate": 6e-4, "seed": seed, "device": target}
    pretraining.instruct(network, tokenizer, pairs, **tuned, report=_line(console, "instruct"))
    save_base(network.cpu(), tokenizer, out, "emotion-llama-base")
    console.print(f"base written to {out}\n{NOT_A_DIAGNOSIS}", highlight=False, soft_wrap=True)


def read_corpora(data: Path, limit: int | None) -> tuple[list[str], list[str], Comments]:
    """First-person posts, short texts of the emotion corpus and of GoEmotions, and the comments with labels.

    No text of the validation or test split, nor a twin of one, is among them.

    Raises:
        DataError: a file is missing.
    """
    files = sorted((data / "pretrain").glob("*.parquet"))
    if not files:
        raise DataError(f"{data / 'pretrain'}: no Parquet file; give the data folder (see its README)")
    splits = load_splits(data / "emotion")
    held_out = [splits["validation"], splits["test"]]
    corpus = [splits["train"], read_extra(data / "emotion" / "unsplit_extra.parquet")]
    comments = read_comments(data / "external" / "goemotions_train_dev.parquet")
    short = [text for split in corpus for text in without_twins(split, held_out)[0].texts]
    if limit is not None:
        short, comments = short[:limit], comments.take(limit)
    posts = [post for file in files for post in read_texts(file) if _in_first_person(post)]
    np.random.default_rng(0).shuffle(posts)
    return [post[:LONGEST] for post in posts[:limit]], [*short, *comments.texts], comments


def _in_first_person(post: str) -> bool:
    words = post.lower().translate(APOSTROPHES)
    return len(FIRST_PERSON.findall(words)) > FIRST_PERSON_SHARE * len(words.split())


def _label_words(comments: Comments) -> list[str]:
    names = sorted({name for group in comments.labels for name in group} | {*EMOTIONS})
    return [" ".join(names)] * WORD_REPEATS


def _line(console: Console, stage: str) -> Any:
    def show(record: dict[str, float]) -> None:
        speed = f", {record['tokens_per_s']:,.0f} tokens/s" if "tokens_per_s" in record else ""
        console.print(f"{stage}: step {record['step']:,.0f}, loss {record['loss']:.3f}{speed}")

    return show


def main() -> None:
    """Run as `python -m jobs.pretrain`."""
    run(command)


if __name__ == "__main__":
    main()

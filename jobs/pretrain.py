"""Rebuild the base of the embedded model from the data folder, or tune all weights of one on both questions.

    risk-monitor pretrain --data DATA --out base
    risk-monitor pretrain --data DATA --out base --base embedded --symptoms embedded --units FILE --posts FILE

DATA holds pretrain/*.parquet (text), emotion/ (train, val, test, unsplit_extra.parquet) and external/ (GoEmotions;
for the symptoms question ISEAR and SemEval-2018 too). The defaults are those of the shipped base, which takes seven
minutes on one H100; on two cores, lower --steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.given_options import require_used
from jobs.console.output_folder import claim_model_folder
from monitor import NOT_A_DIAGNOSIS
from monitor.corpora.examples import Examples
from monitor.corpora.mixture import without_twins
from monitor.corpora.sources import (
    Comments,
    instruction_pairs,
    read_comments,
    read_extra,
    read_texts,
    twin_key,
)
from monitor.corpora.splits import load_splits
from monitor.corpora.symptom_mixture import SymptomSettings
from monitor.corpora.symptoms import load_symptoms
from monitor.errors import ConfigError, DataError
from monitor.labels import ANSWERS, EMOTIONS
from monitor.model.default_symptoms import SYMPTOMS_TOKEN, with_symptoms
from monitor.model.prompts import PromptEncoder, PromptTemplate
from monitor.training.prepare import symptom_mixture

if TYPE_CHECKING:
    from monitor.training.pretraining import BaseShape, PretrainSettings

FIRST_PERSON = re.compile(r"\b(?:i|im|ive|id|ill|me|my|myself)\b")
FIRST_PERSON_SHARE = 0.0526  # least share of first-person words in a post; 85 of 100 posts have more
APOSTROPHES = str.maketrans("", "", "'\u2019")
TOKENIZER_POSTS = 30_000
WORD_REPEATS = 2000  # with so many repetitions every emotion word becomes one token
PUNCTUATION = re.compile(r"[^\w\s]+")
LONGEST = 4000


class Job(NamedTuple):
    """The console, data folder and device of a run, the largest number of texts of each kind, and the seed."""

    console: Console
    data: Path
    device: str
    texts: int | None
    seed: int


def command(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder with pretrain/, emotion/ and external/.")],
    out: Annotated[Path, typer.Option(help="Folder to write the NF4 base and its tokenizer to.")],
    steps: Annotated[int, typer.Option(min=1, help="Pretraining steps of batch x 256 tokens.")] = 5791,
    batch: Annotated[int, typer.Option(min=1, help="Windows of 256 tokens a step.")] = 384,
    hidden: Annotated[int, typer.Option(min=64, help="Hidden size; a multiple of 64.")] = 256,
    layers: Annotated[int, typer.Option(min=1, help="Decoder layers.")] = 6,
    mlp: Annotated[int, typer.Option(min=64, help="Inner size of the MLP; a multiple of 64.")] = 768,
    texts: Annotated[
        int | None, typer.Option(min=60, help="Largest number of texts of each kind (for a try).")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help='Tune this base ("embedded", a folder) instead of making a new one.')
    ] = None,
    symptoms: Annotated[
        str | None,
        typer.Option(help='Tune on both questions: "embedded", or symptom texts as `train --symptoms` reads them.'),
    ] = None,
    units: Annotated[Path | None, typer.Option(help="Distilled sentences (Parquet), with --symptoms.")] = None,
    posts: Annotated[Path | None, typer.Option(help="Distilled posts (Parquet), with --symptoms.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Rebuild the base of the built-in model: tokenizer, pretraining, instruction tuning, NF4."""
    from monitor.training.checkpoint import EMBEDDED_PROMPT, load_base, pick_device, save_base
    from monitor.training.pretraining import BaseShape, PretrainSettings

    if hidden % 64 or mlp % 64:
        raise ConfigError(f"--hidden {hidden} --mlp {mlp}: both must be multiples of 64, the block size of NF4")
    if (base or units or posts) and symptoms is None:
        raise ConfigError("--base, --units and --posts belong to the tuning on both questions; add --symptoms")
    if base:
        require_used(context, "--base", context.params.keys() - {"steps", "batch", "hidden", "layers", "mlp"})
    console = Console()
    job = Job(console, data, pick_device(device).type, texts, seed)
    claim_model_folder(out)
    if base is None:
        shape = BaseShape(hidden=hidden, layers=layers, heads=hidden // 64, mlp=mlp)
        settings = PretrainSettings(steps=steps, batch=batch, warmup=min(200, steps), seed=seed)
        network, tokenizer = _new_base(job, shape, settings, both=symptoms is not None)
    else:
        network, tokenizer = load_base(base)
    prompt = EMBEDDED_PROMPT
    if symptoms is not None:
        files = {"units_file": units, "posts_file": posts}
        named = {key: file for key, file in files.items() if file is not None}
        prompt = _tune(job, network, tokenizer, symptoms, named)
    save_base(network.cpu(), tokenizer, out, "emotion-llama-base", prompt)
    console.print(Text(f"base written to {out}\n{NOT_A_DIAGNOSIS}"), soft_wrap=True)


def _new_base(job: Job, shape: BaseShape, settings: PretrainSettings, *, both: bool) -> tuple[Any, Any]:
    """A new base and its tokenizer, pretrained and tuned on emotion words; `both`: with words of both questions."""
    from monitor.training import pretraining

    posts, unlabelled, comments = read_corpora(job.data, job.texts)
    job.console.print(f"read {len(posts):,} posts and {len(unlabelled):,} short texts, comments among them")
    plain = [PUNCTUATION.sub(" ", post) for post in posts]
    sample = posts[:TOKENIZER_POSTS] + plain[TOKENIZER_POSTS : 2 * TOKENIZER_POSTS]
    words, special = (
        (_label_words(comments), ()) if not both else (_label_words(comments, (*ANSWERS, "none")), (SYMPTOMS_TOKEN,))
    )
    tokenizer = pretraining.build_tokenizer([*sample, *unlabelled, *words], more_special=special)
    streams = [pretraining.encode_corpus(tokenizer, part) for part in (posts, plain, unlabelled)]
    job.console.print(f"tokenizer of {len(tokenizer):,} pieces; {sum(map(len, streams)) / 1e6:.1f} M tokens")
    network = pretraining.new_base(shape, tokenizer, job.seed)
    sources = list(zip(streams, (0.47, 0.47, 0.06), strict=True))
    pretraining.pretrain(network, sources, settings, device=job.device, report=_line(job.console, "pretrain"))
    pairs = instruction_pairs(comments, np.random.default_rng(job.seed))
    tuned: dict[str, Any] = {"batch": 32, "rate": 6e-4, "seed": job.seed, "device": job.device}
    pretraining.instruct(network, tokenizer, pairs, **tuned, report=_line(job.console, "instruct"))
    return network, tokenizer


def _tune(job: Job, network: Any, tokenizer: Any, symptoms: str, files: dict[str, Path]) -> PromptTemplate:
    """Tune a base on both questions with every source; returns the prompt that asks them."""
    from monitor.training.checkpoint import EMBEDDED_PROMPT
    from monitor.training.instruction import InstructionSettings, add_symptom_tokens, tune

    examples = tuning_examples(job.data, symptoms, files, job.texts, job.seed)
    if added := add_symptom_tokens(network, tokenizer):
        job.console.print(f"new tokens: {', '.join(added)}", markup=False)
    prompt = with_symptoms(EMBEDDED_PROMPT, tokenizer.backend_tokenizer)
    encoder = PromptEncoder(prompt, tokenizer)
    settings, report = InstructionSettings(seed=job.seed), _line(job.console, "both questions")
    tune(network, encoder, examples, settings, device=job.device, report=report)
    return prompt


def tuning_examples(
    data: Path, symptoms: str, files: dict[str, Path], limit: int | None, seed: int = 0
) -> Callable[[int], Examples]:
    """The tuning texts of each epoch: symptom texts, composites, comments, ISEAR, SemEval, distilled texts.

    The emotion corpus is left out, so that the base's answers to it stay zero-shot. Held-out texts are left out, too.

    Raises:
        DataError: a file is missing or wrong.
    """
    texts, splits = load_symptoms(symptoms), load_splits(data / "emotion")
    held_out = [part[name] for part in (splits, texts) for name in ("validation", "test") if name in part]
    keys = {twin_key(text) for split in held_out for text in split.texts}
    external = data / "external"
    comments = read_comments(external / "goemotions_train_dev.parquet")
    files |= {"isear_file": external / "isear.parquet"}
    files |= {"semeval_file": external / "semeval2018_ec_train_dev.parquet"}
    many = limit or 10**9
    settings = SymptomSettings(
        repeats=6 if limit is None else 1,
        composites=min(25_000, many),
        isear=1,
        semeval=1,
        units=many if "units_file" in files else 0,
        posts=many if "posts_file" in files else 0,
        seed=seed,
    )
    mixture = symptom_mixture(settings, texts["train"], comments, files, keys, posts_prefix="s_")
    whole = comments.first(many).examples()
    return lambda index: whole + mixture.epoch(index)


def read_corpora(data: Path, limit: int | None) -> tuple[list[str], list[str], Comments]:
    """First-person posts, short texts of the emotion corpus and of GoEmotions, and the comments with labels.

    Texts of the validation and test splits, and twins of such texts, are left out.

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
        short, comments = short[:limit], comments.first(limit)
    posts = [post for file in files for post in read_texts(file) if _in_first_person(post)]
    np.random.default_rng(0).shuffle(posts)
    return [post[:LONGEST] for post in posts[:limit]], [*short, *comments.texts], comments


def _in_first_person(post: str) -> bool:
    words = post.lower().translate(APOSTROPHES)
    return len(FIRST_PERSON.findall(words)) > FIRST_PERSON_SHARE * len(words.split())


def _label_words(comments: Comments, more: Sequence[str] = ()) -> list[str]:
    names = sorted({name for group in comments.labels for name in group} | {*EMOTIONS, *more})
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

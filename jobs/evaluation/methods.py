"""The ways of answering with one model: fine-tuned, and its base zero-shot, few-shot and by generating text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from jobs.console.progress import note, progress
from monitor.benchmark.peak_memory import peak_memory
from monitor.corpora.splits import Split
from monitor.errors import DataError
from monitor.evaluation.baselines import Answers
from monitor.evaluation.few_shot import Shot, draw_shots
from monitor.model.answer_parsing import parse
from monitor.model.calibration import CONTENT_FREE, contextual
from monitor.model.label_tree import LabelTree
from monitor.model.prompts import PromptEncoder, few_shot

if TYPE_CHECKING:
    from jobs.pipeline.score_new import Scorer
    from monitor.scoring.loading import LoadedModel

WAYS = ("zero_shot", "few_shot", "fine_tuned", "generate")
SHOTS = (1, 2, 4)
NO_TRAIN = "the data has no train split"
SLACK = 8  # tokens that examples may gain where they meet in the prompt


@dataclass(frozen=True)
class Answered:
    """What one way answered, and what that cost.

    Attributes:
        key: "zero_shot", "zero_shot_calibrated", "few_shot_4", "fine_tuned", "generate", ...
        draws: one set of answers, or one for each draw of few-shot examples.
        about: of each draw, what is worth reporting: seed, tokens of the prompt, examples replaced.
        texts_per_second: of scoring, the prompt's prefix included.
        peak_bytes, peak_where: see `peak_memory`.
        truncated: how many texts were cut to the model's limit, where it scored them.
        reason: why there are no answers, where there are none.
    """

    key: str
    draws: tuple[Answers, ...] = ()
    about: tuple[Mapping[str, int], ...] = ()
    texts_per_second: float | None = None
    peak_bytes: int | None = None
    peak_where: str | None = None
    truncated: int | None = None
    reason: str | None = None


class Load(Protocol):
    """Opens a model by name, with its adapter or without."""

    def __call__(self, name: str, *, adapter: bool) -> LoadedModel: ...


@dataclass(frozen=True)
class Engine:
    """How a model is opened, scores texts, and writes answers."""

    load: Load
    scorer: Callable[[LoadedModel], Scorer]
    generate: Callable[..., list[str]]


def open_engine(device: str = "auto") -> Engine:
    """The engine of this project; this is where torch is imported."""
    from monitor.scoring.generation import generate
    from monitor.scoring.loading import load_model
    from monitor.scoring.scorer import LabelScorer

    def load(name: str, *, adapter: bool) -> LoadedModel:
        note(f"loading model {name}" + ("" if adapter else " without its adapter"))
        return load_model(name, device=device, adapter=adapter)

    return Engine(load, LabelScorer, generate)


def ask_model(
    engine: Engine, name: str, splits: Mapping[str, Split], ways: Sequence[str], draws: int
) -> tuple[LoadedModel, list[Answered]]:
    """The model, and what it answers to the test texts in each of `ways`.

    Base and fine-tuned model are the same weights and the same scorer, without and with the adapter. The base
    answers at temperature 1: the model's own calibration was fitted to the adapter.

    Raises:
        ModelError: the model cannot be opened.
    """
    model, texts = engine.load(name, adapter=True), splits["test"].texts
    base = model
    if set(ways) - {"fine_tuned"}:
        base = replace(engine.load(name, adapter=False), temperature=1.0, exponent=1.0)
    found = []
    if "zero_shot" in ways:
        found += _score(engine, "zero_shot", [base], texts, calibrate=True)
    if "few_shot" in ways:
        for k in SHOTS:
            found += _few_shot(engine, base, splits, k, draws)
    if "fine_tuned" in ways:
        none = Answered("fine_tuned", reason="the model has no adapter: train one")
        found += _score(engine, "fine_tuned", [model], texts) if model.adapter else [none]
    if "generate" in ways:
        found.append(_generate(engine, "generate", base, texts))
        if model.adapter:
            found.append(_generate(engine, "generate_fine_tuned", model, texts))
    return model, found


def _score(
    engine: Engine,
    key: str,
    models: Sequence[LoadedModel],
    texts: Sequence[str],
    about: Sequence[Mapping[str, int]] = (),
    *,
    calibrate: bool = False,
) -> list[Answered]:
    """The answers of one way, a draw a model; with `calibrate` also calibrated by content-free texts."""
    plain, calibrated, began = [], [], time.monotonic()
    with (
        peak_memory(models[0].device.type) as peak,
        progress(key, "texts", len(texts) * len(models)) as advance,
    ):
        for model in models:
            scorer = engine.scorer(model)
            scores = scorer.score(texts, progress=advance)
            p, truncated = scores.probabilities, int(scores.truncated.sum())
            plain.append(Answers(p.argmax(axis=1), p))
            if calibrate:
                q = contextual(p, scorer.score(CONTENT_FREE).probabilities)
                calibrated.append(Answers(q.argmax(axis=1), q))
    rate = len(texts) * len(models) / max(time.monotonic() - began, 1e-9)
    found = [Answered(key, tuple(plain), tuple(about), rate, peak.bytes, peak.where, truncated)]
    if calibrate:
        found.append(replace(found[0], key=f"{key}_calibrated", draws=tuple(calibrated)))
    return found


def _few_shot(
    engine: Engine, base: LoadedModel, splits: Mapping[str, Split], k: int, draws: int
) -> list[Answered]:
    def length(pairs: Sequence[Shot]) -> int:
        before = few_shot(base.prompt, pairs).before
        return len(base.tokenizer.encode(before, add_special_tokens=False).ids)

    key, texts = f"few_shot_{k}", splits["test"].texts
    try:
        if "train" not in splits:
            raise DataError(NO_TRAIN)
        shots = [draw_shots(splits["train"], k, seed, _room(base, texts), length) for seed in range(draws)]
    except DataError as error:
        return [Answered(name, reason=str(error)) for name in (key, f"{key}_calibrated")]
    models = [replace(base, prompt=few_shot(base.prompt, shot.pairs)) for shot in shots]
    about = [
        {"seed": seed, "prompt_tokens": length(shot.pairs), "replaced": shot.replaced}
        for seed, shot in enumerate(shots)
    ]
    return _score(engine, key, models, texts, about, calibrate=True)


def _room(base: LoadedModel, texts: Sequence[str]) -> int:
    """Tokens that a prompt may have in front of the longest text."""
    encoder = PromptEncoder(base.prompt, base.tokenizer)
    bodies, _, _ = encoder.encode_texts(texts, base.max_text_tokens)
    after = len(encoder.suffix_ids) + len(LabelTree(encoder.label_ids).branch_ids)
    return base.network.shape.max_positions - after - max(map(len, bodies)) - SLACK


def _generate(engine: Engine, key: str, model: LoadedModel, texts: Sequence[str]) -> Answered:
    began = time.monotonic()
    with peak_memory(model.device.type) as peak, progress(key, "texts", len(texts)) as advance:
        written = engine.generate(model, texts, advance)
    rate = len(texts) / max(time.monotonic() - began, 1e-9)
    answers = Answers(np.array([parse(answer, model.prompt) for answer in written], dtype=np.int64))
    return Answered(key, (answers,), (), rate, peak.bytes, peak.where)

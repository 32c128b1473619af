"""The methods of one model: fine-tuned, and with its base zero-shot, few-shot and by generated text."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from jobs.console.progress import print_note, progress
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

METHODS = ("zero_shot", "few_shot", "fine_tuned", "generate")
SHOTS = (1, 2, 4)
NO_TRAIN = "the data has no train split"
SLACK = 8  # tokens that tokenisation may add at the borders of examples in the prompt


@dataclass(frozen=True)
class MethodResult:
    """The answers of one method, with their time and memory.

    Attributes:
        key: "zero_shot", "zero_shot_calibrated", "few_shot_4", "fine_tuned", "generate", ...
        draws: one set of answers, or one for each draw of few-shot examples.
        about: for each draw its seed, the tokens of its prompt and the number of replaced examples.
        texts_per_second: speed of scoring, including the prompt's prefix.
        peak_bytes: peak memory. peak_where: the memory that it is measured in (see `peak_memory`).
        truncated: number of texts cut to the model's limit; None if the method does not score.
        reason: why there are no answers; None if there are.
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
    """Functions that open a model, score texts with it, and generate text."""

    load: Load
    scorer: Callable[[LoadedModel], Scorer]
    generate: Callable[..., list[str]]


def open_engine(device: str = "auto") -> Engine:
    """The engine on this project's models. Only this function imports torch."""
    from monitor.scoring.generation import generate
    from monitor.scoring.loading import load_model
    from monitor.scoring.scorer import LabelScorer

    def load(name: str, *, adapter: bool) -> LoadedModel:
        print_note(f"loading model {name}" + ("" if adapter else " without its adapter"))
        return load_model(name, device=device, adapter=adapter)

    return Engine(load, LabelScorer, generate)


def run_methods(
    engine: Engine, name: str, splits: Mapping[str, Split], methods: Sequence[str], draws: int
) -> tuple[LoadedModel, list[MethodResult]]:
    """Open a model and run `methods` on the test texts; returns the model and a result for each method.

    The base and the fine-tuned model share weights and scorer; only the adapter differs. The base answers at
    temperature 1 without sureness, because the model's calibration was fitted with the adapter.

    Raises:
        ModelError: the model cannot be opened.
    """
    model, texts = engine.load(name, adapter=True), splits["test"].texts
    base = model
    if set(methods) - {"fine_tuned"}:
        base = replace(engine.load(name, adapter=False), temperature=1.0, exponent=1.0, sureness=0.0)
    results = []
    if "zero_shot" in methods:
        results += _score(engine, "zero_shot", [base], texts, calibrate=True)
    if "few_shot" in methods:
        for k in SHOTS:
            results += _few_shot(engine, base, splits, k, draws)
    if "fine_tuned" in methods:
        no_adapter = MethodResult("fine_tuned", reason="the model has no adapter: train one")
        results += _score(engine, "fine_tuned", [model], texts) if model.adapter else [no_adapter]
    if "generate" in methods:
        results.append(_generate(engine, "generate", base, texts))
        if model.adapter:
            results.append(_generate(engine, "generate_fine_tuned", model, texts))
    return model, results


def _score(
    engine: Engine,
    key: str,
    models: Sequence[LoadedModel],
    texts: Sequence[str],
    about: Sequence[Mapping[str, int]] = (),
    *,
    calibrate: bool = False,
) -> list[MethodResult]:
    """The result of one method, with one draw per model.

    With `calibrate`, also a result that is calibrated by content-free texts.
    """
    plain, calibrated, started = [], [], time.monotonic()
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
    rate = len(texts) * len(models) / max(time.monotonic() - started, 1e-9)
    results = [MethodResult(key, tuple(plain), tuple(about), rate, peak.bytes, peak.where, truncated)]
    if calibrate:
        results.append(replace(results[0], key=f"{key}_calibrated", draws=tuple(calibrated)))
    return results


def _few_shot(
    engine: Engine, base: LoadedModel, splits: Mapping[str, Split], k: int, draws: int
) -> list[MethodResult]:
    def length(pairs: Sequence[Shot]) -> int:
        before = few_shot(base.prompt, pairs).before
        return len(base.tokenizer.encode(before, add_special_tokens=False).ids)

    key, texts = f"few_shot_{k}", splits["test"].texts
    try:
        if "train" not in splits:
            raise DataError(NO_TRAIN)
        shots = [draw_shots(splits["train"], k, seed, _room(base, texts), length) for seed in range(draws)]
    except DataError as error:
        return [MethodResult(name, reason=str(error)) for name in (key, f"{key}_calibrated")]
    models = [replace(base, prompt=few_shot(base.prompt, shot.pairs)) for shot in shots]
    about = [
        {"seed": seed, "prompt_tokens": length(shot.pairs), "replaced": shot.replaced}
        for seed, shot in enumerate(shots)
    ]
    return _score(engine, key, models, texts, about, calibrate=True)


def _room(base: LoadedModel, texts: Sequence[str]) -> int:
    """Number of tokens that the prompt before the longest text may have."""
    encoder = PromptEncoder(base.prompt, base.tokenizer)
    bodies, _, _ = encoder.encode_texts(texts, base.max_text_tokens)
    after = len(encoder.suffix_ids) + len(LabelTree(encoder.label_ids).branch_ids)
    return base.network.shape.max_positions - after - max(map(len, bodies)) - SLACK


def _generate(engine: Engine, key: str, model: LoadedModel, texts: Sequence[str]) -> MethodResult:
    started = time.monotonic()
    with peak_memory(model.device.type) as peak, progress(key, "texts", len(texts)) as advance:
        replies = engine.generate(model, texts, advance)
    rate = len(texts) / max(time.monotonic() - started, 1e-9)
    answers = Answers(np.array([parse(reply, model.prompt) for reply in replies], dtype=np.int64))
    return MethodResult(key, (answers,), (), rate, peak.bytes, peak.where)

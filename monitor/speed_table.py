"""The rows of the GPU benchmark: the ways this project replaces, and its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from monitor.prompts import PromptEncoder
from monitor.speed import (
    MEAN_TEXT_TOKENS,
    SHAPES,
    SUFFIX_TOKENS,
    Speed,
    engine_speed,
    texts_per_second,
    word_prompt,
    word_texts,
    word_tokenizer,
)
from monitor.speed_baselines import (
    generate_one_at_a_time,
    notebook_llama,
    padded_llama,
    whole_prompts,
)

ZERO_SHOT, FEW_SHOT = 60, 300  # tokens of the prompt in front of the text
TINY = SHAPES["TinyLlama 1.1B"]
Way = tuple[str, Callable[[float], Speed]]


def own_ways(n_texts: int) -> list[Way]:
    """This project's engine on TinyLlama's shape: (name, measure) where `measure` takes the peak rate."""
    texts = word_texts(n_texts)
    few = texts[: n_texts // 8]
    opening = word_prompt(ZERO_SHOT).before

    def way(name: str, prefix: int, labels: str, form: str = "dense") -> Way:
        prompt = word_prompt(prefix, labels)
        return name, lambda peak: engine_speed(name, TINY, prompt, texts, peak, form)

    unshared = "packed, prefix not shared"
    return [
        way("ours, one-token labels", ZERO_SHOT, "one token"),
        way("ours, exact label tree", ZERO_SHOT, "tree"),
        way("ours, one-token labels, few-shot", FEW_SHOT, "one token"),
        way("ours, exact label tree, few-shot", FEW_SHOT, "tree"),
        way("ours, one-token labels, fp8", ZERO_SHOT, "one token", "fp8"),
        way("ours, exact label tree, fp8", ZERO_SHOT, "tree", "fp8"),
        way("ours, one-token labels, NF4 as stored", ZERO_SHOT, "one token", "nf4"),
        (
            unshared,
            lambda peak: engine_speed(unshared, TINY, word_prompt(0), [opening + text for text in few], peak),
        ),
    ]


def larger_ways(n_texts: int) -> list[Way]:
    """The same engine on the shapes of larger models, decoded once and NF4 as stored."""
    texts = word_texts(n_texts)

    def way(name: str, form: str, label: str) -> Way:
        title = f"{name}, {label}"
        return title, lambda peak: engine_speed(
            title, SHAPES[name], word_prompt(ZERO_SHOT), texts, peak, form
        )

    return [
        way(name, form, label)
        for name in ("Llama 2 7B", "Mistral 7B")
        for form, label in (("nf4", "NF4 as stored"), ("dense", "decoded once"))
    ]


def replaced_ways() -> list[Way]:
    """transformers with NF4 and an unmerged adapter: the notebook's generation, and padded batches."""
    prompts = whole_prompts(PromptEncoder(word_prompt(ZERO_SHOT), word_tokenizer(32000)), word_texts(1024))
    held: list[object] = []

    def network() -> object:
        if not held:
            held.append(notebook_llama(TINY))
        return held[0]

    def way(name: str, score: Callable[[Sequence[object]], object], n: int, repeats: int) -> Way:
        def measure(peak: float) -> Speed:
            torch.cuda.reset_peak_memory_stats()
            rate = texts_per_second(score, prompts[:n], repeats)  # type: ignore[arg-type]
            mfu = rate * (MEAN_TEXT_TOKENS + SUFFIX_TOKENS) * 2 * TINY.matrix_values / peak
            return Speed(name, rate, mfu, torch.cuda.max_memory_allocated() / 2**30)

        return name, measure

    def padded(batch: int, *, ordered: bool) -> Callable[[Sequence[object]], object]:
        return lambda rows: padded_llama(
            network(),
            list(rows),
            batch,
            ordered=ordered,
            last_only=ordered,  # type: ignore[arg-type]
        )

    return [
        way("padded, batches of 256, sorted, last logits", padded(256, ordered=True), 1024, 2),
        way("padded, batches of 64, all logits", padded(64, ordered=False), 512, 2),
        way(
            "notebook: generate 10 tokens, one text at a time",
            lambda rows: generate_one_at_a_time(network(), list(rows)),  # type: ignore[arg-type]
            4,
            1,
        ),
    ]

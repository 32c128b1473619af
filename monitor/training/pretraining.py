"""Make the embedded base: its tokenizer, causal pretraining, then instruction tuning.

There are three stages. `build_tokenizer` makes a byte-level BPE over normalised text. `pretrain` trains with
next-token loss on packed windows, with Muon for the matrices and AdamW for the rest. `instruct` tunes all parameters
on texts with emotion words, several pairs per window, so that the base can answer zero-shot and few-shot prompts. The
last part of `pretrain` and all of `instruct` run with weights rounded to NF4 in the forward pass (straight-through
gradients, Bengio et al. 2013), so that storing the base in NF4 loses almost nothing.

Muon: Jordan et al. 2024. NF4: Dettmers et al. 2023 (QLoRA).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

from monitor.errors import DataError
from monitor.model.word_tokens import normalizer
from monitor.training.quantisation_aware import decoder_matrices, nf4_forward

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

Tokens = npt.NDArray[np.uint16]
PAD, BOS, TEXT, EMOTION = "<pad>", "<s>", "<|text|>", "<|emotion|>"
CHUNK = 20_000  # texts that are tokenised at a time


@dataclass(frozen=True)
class BaseShape:
    """Size of the base, a Llama with tied embeddings; the defaults are those of the shipped base."""

    hidden: int = 256
    layers: int = 6
    heads: int = 4
    mlp: int = 768
    vocabulary: int = 8192
    context: int = 512


@dataclass(frozen=True)
class PretrainSettings:
    """Recipe of one pretraining run. Rates are peak learning rates; `batch` counts windows."""

    steps: int = 5791
    batch: int = 384
    window: int = 256
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    weight_decay: float = 0.05
    warmup: int = 200
    decay: float = 0.5
    quantised: float = 0.25
    seed: int = 0


def build_tokenizer(
    texts: Iterable[str], vocabulary: int = 8192, more_special: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Byte-level BPE whose normaliser rewrites all text in the style of the emotion corpus."""
    from transformers import PreTrainedTokenizerFast  # slow to import, as in new_base

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, BOS, TEXT, EMOTION, *more_special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        pad_token=PAD,
        additional_special_tokens=[TEXT, EMOTION, *more_special],
        clean_up_tokenization_spaces=False,
    )


def encode_corpus(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Tokens:
    """All texts as one stream of token ids, each text after BOS and TEXT; shape (total,)."""
    backend = tokenizer.backend_tokenizer
    head = np.array(tokenizer.convert_tokens_to_ids([BOS, TEXT]), dtype=np.uint16)
    parts: list[Tokens] = []
    for start in range(0, len(texts), CHUNK):
        for encoding in backend.encode_batch_fast(list(texts[start : start + CHUNK]), add_special_tokens=False):
            parts += [head, np.array(encoding.ids, dtype=np.uint16)]
    return np.concatenate([np.empty(0, dtype=np.uint16), *parts])


def new_base(shape: BaseShape, tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> LlamaForCausalLM:
    """A randomly initialised base of the given shape, in fp32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=False,
    )
    return LlamaForCausalLM(config).float()


def optimizers(network: nn.Module, settings: PretrainSettings) -> list[torch.optim.Optimizer]:
    """Muon for the decoder's matrices, AdamW for embeddings and norms; weight decay on matrices only."""
    matrices = decoder_matrices(network)
    inside = {id(p) for p in matrices}
    rest = [p for p in network.parameters() if id(p) not in inside]
    return [
        torch.optim.Muon(matrices, lr=settings.muon_rate, momentum=0.95, weight_decay=settings.weight_decay),
        torch.optim.AdamW(rest, lr=settings.adam_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate_at(step: int, settings: PretrainSettings) -> float:
    """Share of the peak rate: linear warm-up, flat, then linear decay to zero over the last `decay` share."""
    warm = min(1.0, (step + 1) / settings.warmup)
    return warm * min(1.0, (settings.steps - step) / max(1.0, settings.decay * settings.steps))


def draw_windows(
    sources: Sequence[tuple[Tokens, float]], count: int, length: int, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Windows of `length` + 1 tokens at random positions of randomly drawn sources; shape (count, length + 1)."""
    weights = np.array([weight for _, weight in sources])
    chosen = random.choice(len(sources), size=count, p=weights / weights.sum())
    rows = np.empty((count, length + 1), dtype=np.int64)
    for row, source in enumerate(chosen):
        tokens = sources[source][0]
        start = int(random.integers(0, len(tokens) - length - 1))
        rows[row] = tokens[start : start + length + 1]
    return rows


def next_token_loss(network: nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the tokens after the first; ids (batch, length + 1), result in nats per token."""
    logits = network(input_ids=ids[:, :-1], use_cache=False).logits
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())


def pretrain(
    network: LlamaForCausalLM,
    sources: Sequence[tuple[Tokens, float]],
    settings: PretrainSettings,
    *,
    device: str = "cpu",
    report: Callable[[dict[str, float]], None] = lambda _: None,
) -> list[float]:
    """Train the base on packed windows in place; returns the loss of every 50th and the last step in nats per token.

    `sources` are token streams with their sampling weights. On CUDA training uses bf16 autocast and torch.compile.

    Raises:
        DataError: a stream is shorter than a window.
    """
    shortest = min(len(tokens) for tokens, _ in sources)
    if shortest < settings.window + 2:
        raise DataError(
            f"pretraining: a kind of text has {shortest:,} tokens in all, and a window of {settings.window} needs "
            f"{settings.window + 2}; give more texts"
        )
    random = np.random.default_rng(settings.seed)
    network.to(device).train()
    cuda = device.startswith("cuda")
    loss_of: Any = torch.compile(next_token_loss) if cuda else next_token_loss
    optims = optimizers(network, settings)
    peaks = [group["lr"] for optim in optims for group in optim.param_groups]
    losses: list[float] = []
    started = time.monotonic()
    for step in range(settings.steps):
        windows = draw_windows(sources, settings.batch, settings.window, random)
        ids = torch.from_numpy(windows).to(device, non_blocking=True)
        rounded = step >= settings.steps * (1 - settings.quantised)
        with nf4_forward(network) if rounded else nullcontext():
            with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=cuda):
                loss = loss_of(network, ids)
            loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for group, peak in zip((g for o in optims for g in o.param_groups), peaks, strict=True):
            group["lr"] = peak * rate_at(step, settings)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == settings.steps - 1:
            losses.append(float(loss.detach()))
            tokens = (step + 1) * settings.batch * settings.window
            report({"step": step, "loss": losses[-1], "tokens_per_s": tokens / (time.monotonic() - started)})
    return losses


def instruction_windows(
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    length: int,
    random: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Shuffled (text, emotion word) pairs packed into windows that start with BOS.

    Returns ids (n, longest row), padded, at most `length` wide, and loss weights of the same shape: 1 on emotion
    words, 0.1 on text, else 0.
    """
    backend = tokenizer.backend_tokenizer
    bos, text_id, emotion_id, pad = tokenizer.convert_tokens_to_ids([BOS, TEXT, EMOTION, PAD])
    order = random.permutation(len(pairs))
    texts = backend.encode_batch_fast([pairs[i][0] for i in order], add_special_tokens=False)
    words = backend.encode_batch_fast([pairs[i][1] for i in order], add_special_tokens=False)
    rows: list[tuple[list[int], list[float]]] = []
    ids, weights = [bos], [0.0]
    for text, word in zip(texts, words, strict=True):
        body = text.ids[: length - 8 - len(word.ids)]
        if len(ids) + len(body) + len(word.ids) + 2 > length or random.random() < 0.25:
            rows.append((ids, weights))
            ids, weights = [bos], [0.0]
        ids = [*ids, text_id, *body, emotion_id, *word.ids]
        weights = [*weights, 0.0, *[0.1] * len(body), 0.0, *[1.0] * len(word.ids)]
    rows.append((ids, weights))
    longest = max(len(row) for row, _ in rows)
    out_ids = np.full((len(rows), longest), pad, dtype=np.int64)
    out_weights = np.zeros((len(rows), longest), dtype=np.float32)
    for index, (row, weight) in enumerate(rows):
        out_ids[index, : len(row)], out_weights[index, : len(row)] = row, weight
    return out_ids, out_weights


def instruct(
    network: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    *,
    epochs: int = 3,
    rate: float = 5e-4,
    batch: int = 64,
    window: int = 256,
    seed: int = 0,
    device: str = "cpu",
    report: Callable[[dict[str, float]], None] = lambda _: None,
) -> None:
    """Tune all parameters in place on (text, emotion word) pairs; text tokens have a tenth of the words' loss."""
    random = np.random.default_rng(seed)
    network.to(device).train()
    optim = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    packed = [instruction_windows(tokenizer, pairs, window, random) for _ in range(epochs)]
    total = sum(math.ceil(len(ids) / batch) for ids, _ in packed)
    step = 0
    for ids_all, weights_all in packed:
        for rows in np.array_split(np.arange(len(ids_all)), math.ceil(len(ids_all) / batch)):
            ids = torch.from_numpy(ids_all[rows]).to(device)
            weights = torch.from_numpy(weights_all[rows]).to(device)[:, 1:].flatten()
            cuda = device.startswith("cuda")
            with nf4_forward(network):
                with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=cuda):
                    logits = network(input_ids=ids[:, :-1], use_cache=False).logits
                token = nn.functional.cross_entropy(
                    logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none"
                )
                loss = (token * weights).sum() / weights.sum()
                loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for group in optim.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / min(50, total / 10)) * (1 - step / total)
            optim.step()
            optim.zero_grad(set_to_none=True)
            if step % 50 == 0 or step == total - 1:
                report({"step": step, "loss": float(loss.detach())})
            step += 1

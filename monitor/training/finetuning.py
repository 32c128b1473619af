"""QLoRA fine-tuning (Dettmers et al. 2023): low-rank adapters on a frozen 4-bit base, loss on the label alone.

The prompt is the one scoring uses (`prompts.PromptEncoder`); only the tokens of the label word carry loss. On CUDA
steps are packed (`packed_training`); elsewhere they are batches of texts of like length, little padded.
Targets may be soft: a distribution over the six emotions, such as a flat one for a text that shows none.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

from monitor.errors import ConfigError, DataError
from monitor.labels import EMOTIONS
from monitor.model.prompts import PromptEncoder
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.loading import multiplies_bf16
from monitor.training.label_likelihood import (
    Row,
    TokenScores,
    label_log_likelihoods,
    prompt_row,
    token_scores,
)
from monitor.training.packed_steps import PackedTrainer, can_pack

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class TrainSettings:
    """Recipe of one adapter; the defaults are those of the notebook this project replaces.

    A step sees `batch` x `accumulation` texts. `rate` is the peak of a cosine schedule whose warm-up takes
    the share `warmup` of all steps. `evaluations` counts validations an epoch. `optimizer` is adamw_torch or
    paged_adamw_8bit, whose updates of TinyLlama's adapter take 14 ms on an H100 against 3, to save 27 MB.
    """

    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    epochs: int = 3
    batch: int = 4
    accumulation: int = 4
    rate: float = 2e-4
    warmup: float = 0.05
    weight_decay: float = 0.0
    optimizer: Literal["adamw_torch", "paged_adamw_8bit"] = "adamw_torch"
    evaluations: int = 1
    max_text_tokens: int = 256
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """Texts with a distribution over EMOTIONS each: n strings, targets (n, 6) float32, rows summing to 1."""

    texts: Sequence[str]
    targets: npt.NDArray[np.float32]

    @classmethod
    def from_labels(cls, texts: Sequence[str], labels: npt.NDArray[np.int64]) -> Examples:
        """One-hot targets from indices into EMOTIONS, shape (n,)."""
        return cls(texts, np.eye(len(EMOTIONS), dtype=np.float32)[labels])


@dataclass
class TrainResult:
    """The best validation macro-F1, its step, and a record a step: loss in nats, rate, macro_f1 where measured.

    None and 0 where validation texts have one emotion only, for which macro-F1 is undefined.
    """

    best_f1: float | None = None
    best_step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)


def attach_adapter(network: Any, settings: TrainSettings) -> Any:
    """Freeze the base and put trainable fp32 LoRA matrices on its target layers; a peft model.

    Linear layers of bitsandbytes are kept from repacking their weights for AVX512, which would make the
    gradients after a first evaluation silently wrong on CPUs that have it.

    Raises:
        ConfigError: no layer of the base has one of the target names.
    """
    from peft import LoraConfig, get_peft_model

    for module in network.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    names = {name.rpartition(".")[2] for name, _ in network.named_modules()}
    missing = [target for target in settings.targets if target not in names]
    if missing:
        raise ConfigError(
            f"adapter targets {missing}: the base has no layer of that name; it has {sorted(names)}"
        )
    torch.manual_seed(settings.seed)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():  # peft asks transformers 5 by an old name
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        adapted = get_peft_model(network, config)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def fit(
    network: Any,
    encoder: PromptEncoder,
    epoch: Callable[[int], Examples],
    validation: Examples,
    settings: TrainSettings,
    report: Report = lambda _: None,
) -> TrainResult:
    """Train the adapter in place and leave it at its best validation macro-F1, or at its end where that is undefined.

    Args:
        network: what `attach_adapter` returned, on its device.
        epoch: the examples of the epoch with the given index; drawn anew each time.
        validation: hard-labelled examples; the label is the target's maximum.

    Raises:
        DataError: an epoch holds no example, or a soft target meets a label of several tokens.
    """
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = _optimizer(parameters, settings, parameters[0].device.type)
    packed = PackedTrainer(network, len(encoder.prefix_ids), torch.bfloat16) if can_pack(network) else None
    gradients = packed.add_gradients if packed else partial(_padded_gradients, network, settings.batch)
    held_out = (encoder, validation, settings.max_text_tokens, packed.token_scores if packed else None)
    evaluations = settings.evaluations if len(set(validation.targets.argmax(axis=1))) > 1 else 0
    group_size = settings.batch * settings.accumulation
    steps_an_epoch = math.ceil(len(epoch(0).texts) / group_size)
    total = steps_an_epoch * settings.epochs
    result, best, started = TrainResult(), dict[str, Tensor](), time.monotonic()
    under_way: list[tuple[dict[str, float], Tensor]] = []
    examples, rows = None, list[Row]()
    for index in range(settings.epochs):
        before, examples = examples, epoch(index)
        if examples is not before:
            rows = _rows(encoder, examples, settings.max_text_tokens)
        marks = {math.ceil(steps_an_epoch * (k + 1) / evaluations) for k in range(evaluations)}
        network.train()
        for done, group in enumerate(_groups(rows, group_size, random, steps_an_epoch), start=1):
            rate = settings.rate * _schedule(len(result.curve), total, settings.warmup)
            loss = gradients(group)
            _update(optimizer, parameters, rate)
            step = len(result.curve) + 1
            record = {"step": step, "of": total, "rate": rate, "s": time.monotonic() - started}
            result.curve.append(record)
            if done in marks:
                record["macro_f1"] = found = validation_f1(network, *held_out)
                network.train()
                if result.best_f1 is None or found > result.best_f1:
                    result.best_f1, result.best_step, best = found, step, _state(network)
            _settle(under_way, report)
            under_way.append((record, loss))
    _settle(under_way, report)
    _restore(network, best)
    network.eval()
    return result


def validation_f1(
    network: Any,
    encoder: PromptEncoder,
    examples: Examples,
    max_text_tokens: int = 256,
    scores: TokenScores | None = None,
) -> float:
    """Macro-F1 of the most likely label on hard-labelled examples."""
    batch = 1024 if scores else 64  # packed rows are not padded to the longest
    found = label_log_likelihoods(network, encoder, examples.texts, max_text_tokens, batch, scores)
    return float(f1_score(examples.targets.argmax(axis=1), found.argmax(axis=1), average="macro"))


def _settle(under_way: list[tuple[dict[str, float], Tensor]], report: Report) -> None:
    """Fetch the loss of the step before and report it: by now the next is launched, so that a GPU does not wait."""
    while under_way:
        record, loss = under_way.pop()
        record["loss"] = float(loss)
        report(record)


def _rows(encoder: PromptEncoder, examples: Examples, max_text_tokens: int) -> list[Row]:
    if not len(examples.texts):
        raise DataError("training: the epoch holds no example; check the train split")
    bodies, _, _ = encoder.encode_texts(examples.texts, max_text_tokens)
    rows = []
    for index, (body, target) in enumerate(zip(bodies, examples.targets, strict=True)):
        label = int(target.argmax())
        word = encoder.label_ids[label][0]
        if all(len(words[0]) == 1 for words in encoder.label_ids):
            wanted = [
                (encoder.label_ids[k][0][0], float(share)) for k, share in enumerate(target) if share > 0
            ]
            rows.append(prompt_row(encoder, body, (), wanted))
        elif target[label] == 1.0:
            rows.append(prompt_row(encoder, body, word, [(token, 1.0) for token in word]))
        else:
            raise DataError(
                f"training: example {index + 1} has a soft target, which needs labels of one token; "
                f"{EMOTIONS[label]!r} has {len(word)} with this prompt"
            )
    return rows


def _groups(rows: list[Row], size: int, random: np.random.Generator, count: int) -> Iterator[list[Row]]:
    """`count` random groups of rows; lengths alike within a group, so that padding costs little."""
    order = random.permutation(len(rows))
    groups: list[npt.NDArray[np.int64]] = []
    for pool in np.array_split(order, max(1, len(order) // (size * 50))):
        pool = pool[np.argsort([len(rows[i].ids) for i in pool], kind="stable")]
        groups += [pool[start : start + size] for start in range(0, len(pool), size)]
    for index in random.permutation(len(groups))[:count]:
        yield [rows[i] for i in groups[index]]


def _padded_gradients(network: Any, batch: int, group: list[Row]) -> Tensor:
    """Add the gradients of a group's mean loss in micro-batches; the loss in nats."""
    total = torch.zeros(())
    for start in range(0, len(group), batch):
        rows = group[start : start + batch]
        # Three times as fast on two cores as fp32.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=multiplies_bf16()):
            scores, _ = token_scores(network, rows)
        weights = torch.tensor([w for row in rows for w in row.weights], device=scores.device)
        loss = -(scores * weights).sum() / len(group)
        loss.backward()  # type: ignore[no-untyped-call]
        total = total.to(loss.device) + loss.detach()
    return total


def _update(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], rate: float) -> None:
    """One clipped optimizer step at this rate, after which the gradients are zero."""
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    for settings in optimizer.param_groups:
        settings["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)  # recorded steps add to them where they are


def _optimizer(parameters: list[nn.Parameter], settings: TrainSettings, device: str) -> torch.optim.Optimizer:
    if settings.optimizer == "adamw_torch":
        return torch.optim.AdamW(
            parameters, lr=settings.rate, weight_decay=settings.weight_decay, fused=device == "cuda"
        )
    optimizer: torch.optim.Optimizer = bitsandbytes("optim").PagedAdamW8bit(
        parameters, lr=settings.rate, weight_decay=settings.weight_decay
    )
    return optimizer


def _schedule(step: int, total: int, warmup: float) -> float:
    """Share of the peak rate: linear warm-up, then a cosine to zero."""
    warm = max(1, round(warmup * total))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def _state(network: Any) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad}


def _restore(network: Any, state: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in state:
                parameter.copy_(state[name])

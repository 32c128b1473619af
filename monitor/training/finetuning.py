"""QLoRA fine-tuning (Dettmers et al. 2023): low-rank adapters on a frozen 4-bit base, with loss on the answers only.

Training and scoring use the same prompt (`prompts.PromptEncoder`). Only the label's tokens and the answers to the
symptoms question carry loss. On CUDA, steps are packed (`packed_steps`). On other devices a step is a few batches of
texts of similar length, with little padding. Targets may be soft: a distribution over the six emotions, such as a
flat one for a text without emotion, and a share of each criterion, such as 0.5 for a mild criterion.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from monitor.corpora.examples import Examples
from monitor.errors import ConfigError, DataError
from monitor.model.prompts import PromptEncoder
from monitor.scoring.bitsandbytes_loader import bitsandbytes
from monitor.scoring.loading import multiplies_bf16
from monitor.training.answers import ReadRows, Row, criteria_loss, read_rows
from monitor.training.packed_steps import PackedTrainer, can_train_packed
from monitor.training.rows import row_groups, training_rows
from monitor.training.validation import TrainResult, measurable, measure_validation

CANNOT_COMPARE = (
    "the validation texts have one emotion, so nothing tells whether training makes the adapter worse; "
    "give validation texts of several emotions"
)
Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class TrainSettings:
    """Recipe of one adapter; the defaults are those of the notebook that this project replaces.

    A step uses `batch` x `accumulation` texts. `rate` is the peak of a cosine schedule whose warm-up takes the share
    `warmup` of all steps. `evaluations` is the number of validations per epoch. `optimizer` is adamw_torch or
    paged_adamw_8bit. An update of TinyLlama's adapter on an H100 takes 3 ms with the first and 14 ms with the second,
    which saves 27 MB. `symptoms_weight` is the weight of the symptoms answers' loss relative to the emotion answer's.
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
    symptoms_weight: float = 1.0
    seed: int = 0


def attach_adapter(network: Any, settings: TrainSettings) -> Any:
    """Freeze the base and attach trainable fp32 LoRA matrices to its target layers; returns a peft model.

    Linear layers of bitsandbytes must not repack their weights for AVX512: on CPUs with AVX512, gradients after a
    first evaluation would be silently wrong.

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
        raise ConfigError(f"adapter targets {missing}: the base has no layer of that name; it has {sorted(names)}")
    torch.manual_seed(settings.seed)
    config = LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():  # peft calls transformers 5 by an old name
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
    *,
    continued: bool = False,
) -> TrainResult:
    """Train the adapter in place. The result is the adapter of the best validation, or of the last step without one.

    The best validation has the largest sum of the emotions' macro-F1 and the symptoms answers' mean AUROC. If
    training continues from an adapter, that adapter is validated before the first step, and stays if no step is
    better.

    Args:
        network: the result of `attach_adapter`, on its device.
        epoch: returns the examples of the epoch with the given index, in a new draw at each call.
        validation: hard-labelled examples; the label is the target's maximum.
        continued: whether the adapter was trained before.

    Raises:
        DataError: an epoch has no example, a label of several tokens has a soft target, criteria have targets but the
            prompt has no symptoms question, or validation cannot measure a continued adapter.
    """
    random = np.random.default_rng(settings.seed)
    torch.manual_seed(settings.seed)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = _optimizer(parameters, settings, parameters[0].device.type)
    gradients, read = _steps(network, encoder, settings)
    measure = partial(measure_validation, network, encoder, validation, settings.max_text_tokens, read)
    evaluations = settings.evaluations if measurable(validation) else 0
    group_size = settings.batch * settings.accumulation
    result, best, started, steps_an_epoch = TrainResult(), dict[str, Tensor](), time.monotonic(), 0
    pending: list[tuple[dict[str, float], Tensor]] = []
    if continued:
        if not evaluations:
            raise DataError(CANNOT_COMPARE)
        result.before = {"step": 0}
        measure(result.before, result)
        best = _state(network)
    for rows in _epochs(encoder, epoch, settings):
        steps_an_epoch = steps_an_epoch or math.ceil(len(rows) / group_size)
        total = steps_an_epoch * settings.epochs
        marks = {math.ceil(steps_an_epoch * (k + 1) / evaluations) for k in range(evaluations)}
        network.train()
        for done, group in enumerate(row_groups(rows, group_size, random, steps_an_epoch), start=1):
            rate = settings.rate * _schedule(len(result.curve), total, settings.warmup)
            loss = gradients(group)
            _update(optimizer, parameters, rate)
            step = len(result.curve) + 1
            record = {"step": step, "of": total, "rate": rate, "s": time.monotonic() - started}
            result.curve.append(record)
            if done in marks:
                if measure(record, result):
                    best = _state(network)
                network.train()
            _settle(pending, report)
            pending.append((record, loss))
    _settle(pending, report)
    _restore(network, best)
    network.eval()
    return result


def _steps(
    network: Any, encoder: PromptEncoder, settings: TrainSettings
) -> tuple[Callable[[list[Row]], Tensor], ReadRows | None]:
    """The function that adds a group's gradients, and the fast reader of rows (None: use the plain reader)."""
    if can_train_packed(network):
        packed = PackedTrainer(network, len(encoder.prefix_ids), torch.bfloat16, encoder.symptoms)
        return packed.add_gradients, packed.read_rows
    return partial(add_padded_gradients, network, encoder, settings.batch), None


def _epochs(encoder: PromptEncoder, epoch: Callable[[int], Examples], settings: TrainSettings) -> Iterator[list[Row]]:
    """The rows of each epoch; they are computed again only if the examples changed."""
    examples, rows = None, list[Row]()
    for index in range(settings.epochs):
        before, examples = examples, epoch(index)
        if examples is not before:
            rows = training_rows(encoder, examples, settings.max_text_tokens, settings.symptoms_weight)
        yield rows


def _settle(pending: list[tuple[dict[str, float], Tensor]], report: Report) -> None:
    """Fetch and report the previous step's loss; the next step is already launched, so a GPU does not wait."""
    while pending:
        record, loss = pending.pop()
        record["loss"] = float(loss)
        report(record)


def add_padded_gradients(network: Any, encoder: PromptEncoder, batch: int, group: list[Row]) -> Tensor:
    """Add the gradients of a group's mean loss in micro-batches; returns the loss in nats."""
    total = torch.zeros(())
    for start in range(0, len(group), batch):
        rows = group[start : start + batch]
        # On two cores bf16 is three times as fast as fp32.
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=multiplies_bf16()):
            scores, _, criteria = read_rows(network, rows, encoder.symptoms)
        device = scores.device
        weights = torch.tensor([w for row in rows for w in row.weights], device=device)
        loss = -(scores * weights).sum()
        labelled = [(row.criteria, row.criteria_weight) for row in rows if row.criteria is not None]
        if labelled:
            targets, shares = zip(*labelled, strict=True)
            on_device = torch.from_numpy(np.stack(targets)).to(device), torch.tensor(shares, device=device)
            loss = loss + criteria_loss(criteria, *on_device)
        loss = loss / len(group)
        loss.backward()  # type: ignore[no-untyped-call]
        total = total.to(device) + loss.detach()
    return total


def _update(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], rate: float) -> None:
    """Make one clipped optimizer step at this rate, then set the gradients to zero."""
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    for settings in optimizer.param_groups:
        settings["lr"] = rate
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)  # recorded steps add to the same tensors


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

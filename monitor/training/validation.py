"""Validation during training: macro-F1 of the emotions and AUROC of the symptoms answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, roc_auc_score

from monitor.corpora.examples import Examples
from monitor.model.prompts import PromptEncoder
from monitor.training.answers import ReadRows, label_log_likelihoods, symptom_logits


@dataclass
class TrainResult:
    """The best validation, and one record per step: loss in nats, rate, and measurements after the step.

    best_f1, best_auroc: macro-F1 of the emotions and mean AUROC of the symptoms answers at `best_step`. A value is
    None if the validation texts cannot measure it (only one emotion, or no answer that some texts show and others do
    not). Step 0 is the adapter from which training continued; `before` has its figures, and is empty for a new
    adapter.
    """

    best_f1: float | None = None
    best_auroc: float | None = None
    best_step: int = 0
    before: dict[str, float] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)


def validation_f1(
    network: Any,
    encoder: PromptEncoder,
    examples: Examples,
    max_text_tokens: int = 256,
    reader: ReadRows | None = None,
) -> float:
    """Macro-F1 of the most likely label on hard-labelled examples."""
    batch = 1024 if reader else 64  # packed rows need no padding
    values = label_log_likelihoods(network, encoder, examples.texts, max_text_tokens, batch, reader)
    return float(f1_score(examples.targets.argmax(axis=1), values.argmax(axis=1), average="macro"))


def validation_auroc(
    network: Any,
    encoder: PromptEncoder,
    examples: Examples,
    max_text_tokens: int = 256,
    reader: ReadRows | None = None,
) -> float:
    """Mean AUROC of the symptoms answers that some examples show and others do not."""
    batch = 1024 if reader else 64
    logits = symptom_logits(network, encoder, examples.texts, max_text_tokens, batch, reader)
    shown = examples.criteria > 0
    measurable_answers = [k for k in range(shown.shape[1]) if shown[:, k].any() and not shown[:, k].all()]
    return float(np.mean([roc_auc_score(shown[:, k], logits[:, k]) for k in measurable_answers]))


def measurable(validation: Examples) -> bool:
    """Whether macro-F1 or AUROC can be measured on the examples."""
    return validation.several_emotions or validation.some_criteria


def measure_validation(
    network: Any,
    encoder: PromptEncoder,
    validation: Examples,
    max_text_tokens: int,
    reader: ReadRows | None,
    record: dict[str, float],
    result: TrainResult,
) -> bool:
    """Add a validation's figures to the record, and to the result if they are the best; returns whether they are."""
    f1 = auroc = None
    if validation.several_emotions:
        emotional = validation.select(validation.weights > 0)
        f1 = record["macro_f1"] = validation_f1(network, encoder, emotional, max_text_tokens, reader)
    if validation.some_criteria:
        labelled = validation.select(validation.criteria_weights > 0)
        auroc = validation_auroc(network, encoder, labelled, max_text_tokens, reader)
        record["symptoms_auroc"] = auroc
    first = result.best_f1 is None and result.best_auroc is None
    better = first or (f1 or 0) + (auroc or 0) > (result.best_f1 or 0) + (result.best_auroc or 0)
    if better:
        result.best_f1, result.best_auroc, result.best_step = f1, auroc, int(record["step"])
    return better

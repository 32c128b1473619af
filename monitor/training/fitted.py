"""Fit what turns answers into probabilities, and the limits of the criteria, on held-out texts after training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from monitor.labels import ANSWERS, EMOTIONS
from monitor.model.calibration import (
    Calibration,
    everyday_limits,
    fit_calibration,
    fit_sureness,
    fit_symptoms,
    neutral_limits,
)
from monitor.model.folder import LIMIT
from monitor.model.prompts import PromptEncoder
from monitor.model.symptoms import SymptomsCalibration
from monitor.training.answers import label_log_likelihoods, symptom_logits
from monitor.training.prepare import Prepared
from monitor.training.recipe import CalibrationSettings


class Fitted(NamedTuple):
    """The fitted values of a model folder; None for the symptoms question if there is none."""

    calibration: Calibration
    symptoms_calibration: SymptomsCalibration | None
    criteria_limits: dict[str, float] | None


def fit_answers(
    network: Any,
    encoder: PromptEncoder,
    prepared: Prepared,
    settings: CalibrationSettings,
    max_text_tokens: int,
    note: Callable[[str], None],
) -> Fitted:
    """Calibrate a trained network's answers to both questions.

    Args:
        network: the trained network.
        encoder: the encoder of its prompt.
        prepared: the held-out texts.
        settings: the settings of the calibration.
        max_text_tokens: longer texts are cut.
        note: called with one line for each value that the texts cannot determine.
    """
    scores = partial(label_log_likelihoods, network, encoder, max_text_tokens=max_text_tokens)
    neutral = scores(prepared.neutral) if prepared.neutral else None
    fitted = fit_calibration(
        scores(prepared.validation.texts), prepared.validation.labels, neutral, settings.flat_share
    )
    if fitted is None:
        note(
            "validation cannot tell a temperature, for its answers are all right or no better than chance: 1 is kept"
        )
    calibration = Calibration(*(round(value, 4) for value in fitted or Calibration()))
    if prepared.symptoms is None:
        return Fitted(calibration, None, None)
    answers = partial(symptom_logits, network, encoder, max_text_tokens=max_text_tokens)
    neutral_answers = answers(prepared.neutral)
    n = min(len(prepared.symptoms), len(neutral_answers))
    shown = prepared.symptoms.examples().criteria > 0
    symptom_answers = answers(prepared.symptoms.texts)
    symptoms, uncalibrated = fit_symptoms(
        np.concatenate([symptom_answers, neutral_answers[:n]]),
        np.concatenate([shown, np.zeros((n, len(ANSWERS)), np.bool_)]),
    )
    if uncalibrated:
        note(f"the symptom texts held out show all or none of {', '.join(uncalibrated)}: not calibrated")
    everyday = symptoms.probabilities(answers(prepared.everyday))
    limits = criteria_limits(symptoms.probabilities(neutral_answers), everyday, settings)
    if not len(neutral_answers) and not len(everyday):
        note(f"the recipe names no neutral comments to take limits from: each is {LIMIT}")
    named = np.array([emotion in EMOTIONS for emotion in prepared.symptoms.emotions], np.bool_)
    told = prepared.symptoms.select(named)
    labels = np.array([EMOTIONS.index(str(emotion)) for emotion in told.emotions], np.int64)
    p_any = symptoms.probabilities(symptom_answers[named])[:, -1]
    sureness = fit_sureness(scores(told.texts), labels, p_any, calibration)
    return Fitted(calibration._replace(sureness=round(sureness, 4)), symptoms, limits)


def criteria_limits(
    neutral: npt.NDArray[np.float64], everyday: npt.NDArray[np.float64], settings: CalibrationSettings
) -> dict[str, float]:
    """The limit of each of ANSWERS from probabilities (n, 12) of neutral and (m, 12) of everyday texts.

    The limit is the larger of both if both are given, and LIMIT if neither is given.
    """
    limits = np.zeros(len(ANSWERS))
    if len(neutral):
        limits = neutral_limits(neutral, settings.share, settings.suicidal)
    if len(everyday):
        limits = np.maximum(limits, everyday_limits(everyday, settings.everyday_share, settings.everyday_suicidal))
    if not len(neutral) and not len(everyday):
        limits += LIMIT
    return dict(zip(ANSWERS, limits.round(4).tolist(), strict=True))

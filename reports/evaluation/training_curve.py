"""The training curve as one picture, for the folder that `train` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt

from monitor import NOT_A_DIAGNOSIS
from reports.evaluation.charts import TRAINED, training, training_frame
from reports.style.palette import LIGHT


def training_curve(curve: Sequence[Mapping[str, float]], title: str) -> alt.VConcatChart:
    """Two panels: loss (nats per text, means of at most 200 groups of steps), and validation macro-F1 where measured.

    Args:
        curve: records with step, loss and, where it was measured, macro_f1.
        title: name of the trained model.
    """
    frames = {title: training_frame(curve)}
    measured = {field: name for field, name in TRAINED.items() if any(field in record for record in curve)}
    panels = [training(frames, field, name, LIGHT, width=640) for field, name in measured.items()]
    words = alt.TitleParams(title, subtitle=NOT_A_DIAGNOSIS)
    return alt.vconcat(*panels, background=LIGHT.paper, padding=24).properties(title=words)

"""Tell of limits that nobody may have chosen: others than in the last update of the alerts, and former defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.console.progress import print_warning
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database
from monitor.settings import Settings

if TYPE_CHECKING:
    from monitor.scoring.loading import LoadedModel

FORMER_DEFAULTS = {  # of the built-in model before it had a sureness
    "threshold": 0.40,
    "change_errors": 2.2,
    "sustained_line": 0.40,
    "passage_line": 0.70,
    "usual_mean": 0.20,
    "usual_deviation": 0.11,
}


def warn_of_other_limits(db: Database, rules: AlertRules) -> None:
    """Print one line if the last update of the alerts had other limits, as far as the database records them."""
    with db.reading() as con:
        last = con.execute(
            "SELECT signal, threshold, min_texts, wander, fusion_names, fusion_weights FROM alert_updates"
            " ORDER BY run_id DESC LIMIT 1"
        ).fetchone()
    if last is None:
        return
    *values, names, weights = last
    then = dict(zip(("signal", "threshold", "min_texts", "wander"), values, strict=True))
    then["fusion"] = None if names is None else dict(zip(names, weights, strict=True))
    other = [
        f"{name} is {getattr(rules, name)}, and was {value}"
        for name, value in then.items()
        if value is not None and value != getattr(rules, name)
    ]
    if other:
        print_warning(
            f"{db}: the alerts follow other limits than in their last update: {'; '.join(other)}; name the settings "
            "of this database with --config, if they should stay as they were"
        )


def warn_of_former_limits(settings: Settings, model: LoadedModel) -> None:
    """Print one line if the settings name former defaults, which were chosen for a model without a sureness."""
    if settings.model != "embedded" or not model.sureness:
        return
    given = settings.alerts.model_dump(include=settings.alerts.model_fields_set)
    given |= settings.model_dump(include=settings.model_fields_set & {"threshold"})
    former = [
        f"{name} = {value:g} (now {getattr(AlertRules(), name):g})"
        for name, value in FORMER_DEFAULTS.items()
        if given.get(name) == value
    ]
    if former:
        print_warning(
            f"the settings name former defaults: {', '.join(former)}; with the built-in model of this version they "
            "raise more false alarms; remove those that you did not choose"
        )

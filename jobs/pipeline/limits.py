"""Tell of an update of the alerts with other limits than the last one, where no settings file names the limits."""

from __future__ import annotations

from jobs.console.progress import print_warning
from monitor.alerts.rules import AlertRules
from monitor.database.connection import Database


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

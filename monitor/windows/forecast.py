"""The next days of each cohort's high-risk share, with an interval, and how often such intervals held before.

A local level in the log-odds of the daily share: the level drifts as a random walk, so the forecast is flat and its
interval widens. It is a forecast of averages to plan by, not of anybody's mood. Library: statsmodels (state space
models by Kalman filter, Durbin & Koopman 2012), because it takes missing days as missing and states its own
uncertainty; exponential smoothing in the same library needs a value each day.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from statsmodels.tools.sm_exceptions import ConvergenceWarning
from statsmodels.tsa.statespace.structural import UnobservedComponents

HORIZON = 14  # days ahead
LEVEL = 0.8  # of the interval
HISTORY = 180  # days looked back on
FEWEST = 28  # days with texts that a model needs
STEP = 7  # days between two forecasts of the past
CHECKS = 8  # forecasts of the past
COLUMNS = {
    "cohort": pl.String,
    "day": pl.Date,
    "p": pl.Float64,
    "lo": pl.Float64,
    "hi": pl.Float64,
    "coverage": pl.Float64,
    "n_checked": pl.Int64,
}
Floats = npt.NDArray[np.float64]


def forecast(daily: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Forecast the high-risk share of the HORIZON days after as_of, for each cohort that wrote on enough days.

    Args:
        daily: day, cohort, n and n_high, such as rolling_cohort over 1 day; days without texts are left out.
        as_of: the last day that is known.

    Returns:
        COLUMNS, sorted by cohort and day: p the median share of a day's texts, lo to hi the LEVEL interval of that
        share, coverage the share of n_checked past days that lay in the interval forecast for them (rolling origin:
        up to CHECKS forecasts, STEP days apart, each from the days before it alone). coverage is null where no past
        forecast can be checked. A cohort with texts on fewer than FEWEST of the last HISTORY days, or silent for
        the last HORIZON, has no rows.
    """
    first = as_of - dt.timedelta(days=HISTORY - 1)
    silent = as_of - dt.timedelta(days=HORIZON - 1)
    known = daily.filter(pl.col("day").is_between(first, as_of), pl.col("n") > 0)
    frames = [
        _of_cohort(str(cohort), rows, first, as_of)
        for (cohort,), rows in sorted(known.group_by("cohort"), key=lambda group: str(group[0][0]))
        if rows.height >= FEWEST and rows["day"].is_between(silent, as_of).any()
    ]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *frames])


def _of_cohort(cohort: str, rows: pl.DataFrame, first: dt.date, as_of: dt.date) -> pl.DataFrame:
    series = np.full((as_of - first).days + 1, np.nan)
    places = [(day - first).days for day in rows["day"]]
    n, n_high = rows["n"].to_numpy(), rows["n_high"].to_numpy()
    series[places] = np.log((n_high + 0.5) / (n - n_high + 0.5))  # half a text each way: no infinite log-odds
    series = series[min(places) :]
    ahead = _share(_fitted(series).get_forecast(HORIZON))
    held = _past(series)
    return pl.DataFrame(
        {
            "cohort": [cohort] * HORIZON,
            "day": [as_of + dt.timedelta(days=step) for step in range(1, HORIZON + 1)],
            "p": ahead[:, 0],
            "lo": ahead[:, 1],
            "hi": ahead[:, 2],
            "coverage": [float(np.mean(held)) if held else None] * HORIZON,
            "n_checked": [len(held)] * HORIZON,
        },
        schema=COLUMNS,
    )


def _past(series: Floats) -> Sequence[bool]:
    """Whether each known day lay in the interval forecast for it; the parameters are those of the first origin."""
    origins = [len(series) - HORIZON - STEP * step for step in reversed(range(CHECKS))]
    origins = [
        origin for origin in origins if np.count_nonzero(~np.isnan(series[: max(0, origin)])) >= FEWEST
    ]
    held: list[bool] = []
    if origins:
        fitted = _fitted(series[: origins[0]])
        for origin in origins:
            _, low, high = _share(fitted.apply(series[:origin]).get_forecast(HORIZON)).T
            seen = 1 / (1 + np.exp(-series[origin : origin + HORIZON]))
            known = ~np.isnan(seen)
            held += list(((low <= seen) & (seen <= high))[known])
    return held


def _fitted(series: Floats) -> Any:
    with warnings.catch_warnings():
        # on days that are all alike the likelihood is flat; any level then fits
        warnings.simplefilter("ignore", ConvergenceWarning)
        return UnobservedComponents(series, "local level").fit(disp=0)


def _share(ahead: Any) -> Floats:
    """Median and interval as shares, shape (HORIZON, 3)."""
    log_odds = np.column_stack([ahead.predicted_mean, ahead.conf_int(alpha=1 - LEVEL)])
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)

"""Forecast each cohort's high-risk share with an interval, and check such intervals on past days.

The model is a local level in the log-odds of the daily share: the level drifts as a random walk, so the forecast is
flat and its interval widens. It forecasts averages for planning, nobody's mood. Library: statsmodels (state space
models with a Kalman filter, Durbin & Koopman 2012), because it accepts missing days and estimates its uncertainty;
exponential smoothing in the same library needs a value for each day.
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
HISTORY = 180  # days that the model is fitted to
MIN_DAYS = 28  # days with texts that a model needs
STEP = 7  # days between two checked forecasts
CHECKS = 8  # checked forecasts
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
        as_of: the last day whose texts the forecast may use.

    Returns:
        COLUMNS, sorted by cohort and day. p is the median share of a day's texts, and lo to hi its LEVEL interval.
        coverage is the share of n_checked past days whose share lay in the interval that was forecast for them
        (rolling origin: up to CHECKS forecasts, STEP days apart, each fitted to earlier days only); it is null if
        no past forecast can be checked. A cohort has no rows if it has texts on fewer than MIN_DAYS of the last
        HISTORY days, or on none of the last HORIZON days.
    """
    first = as_of - dt.timedelta(days=HISTORY - 1)
    recent = as_of - dt.timedelta(days=HORIZON - 1)
    written = daily.filter(pl.col("day").is_between(first, as_of), pl.col("n") > 0)
    frames = [
        _forecast_cohort(str(cohort), rows, first, as_of)
        for (cohort,), rows in sorted(written.group_by("cohort"), key=lambda group: str(group[0][0]))
        if rows.height >= MIN_DAYS and rows["day"].is_between(recent, as_of).any()
    ]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *frames])


def _forecast_cohort(cohort: str, rows: pl.DataFrame, first: dt.date, as_of: dt.date) -> pl.DataFrame:
    series = np.full((as_of - first).days + 1, np.nan)
    positions = [(day - first).days for day in rows["day"]]
    n, n_high = rows["n"].to_numpy(), rows["n_high"].to_numpy()
    series[positions] = np.log(
        (n_high + 0.5) / (n - n_high + 0.5)
    )  # half a text is added to each side, so that no log-odds is infinite
    series = series[min(positions) :]
    ahead = _shares(_fit(series).get_forecast(HORIZON))
    inside = _check_past(series)
    return pl.DataFrame(
        {
            "cohort": [cohort] * HORIZON,
            "day": [as_of + dt.timedelta(days=step) for step in range(1, HORIZON + 1)],
            "p": ahead[:, 0],
            "lo": ahead[:, 1],
            "hi": ahead[:, 2],
            "coverage": [float(np.mean(inside)) if inside else None] * HORIZON,
            "n_checked": [len(inside)] * HORIZON,
        },
        schema=COLUMNS,
    )


def _check_past(series: Floats) -> Sequence[bool]:
    """Whether the share of each past day lay in its forecast interval; parameters are fitted at the first origin."""
    origins = [len(series) - HORIZON - STEP * step for step in reversed(range(CHECKS))]
    origins = [origin for origin in origins if np.count_nonzero(~np.isnan(series[: max(0, origin)])) >= MIN_DAYS]
    inside: list[bool] = []
    if origins:
        fitted = _fit(series[: origins[0]])
        for origin in origins:
            _, low, high = _shares(fitted.apply(series[:origin]).get_forecast(HORIZON)).T
            shares = 1 / (1 + np.exp(-series[origin : origin + HORIZON]))
            inside += list(((low <= shares) & (shares <= high))[~np.isnan(shares)])
    return inside


def _fit(series: Floats) -> Any:
    with warnings.catch_warnings():
        # If all days are alike the likelihood is flat, and any level fits.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return UnobservedComponents(series, "local level").fit(disp=0)


def _shares(ahead: Any) -> Floats:
    """Median and both ends of the interval, shape (HORIZON, 3), as shares."""
    log_odds = np.column_stack([ahead.predicted_mean, ahead.conf_int(alpha=1 - LEVEL)])
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)

"""The forecast: correct intervals on simulated series, and no rows for cohorts with too few days."""

import datetime as dt
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from monitor.windows.forecast import CHECKS, COLUMNS, HORIZON, LEVEL, MIN_DAYS, forecast

FIRST = dt.date(2026, 1, 1)


def frame(shares: list[float | None], n: int = 40, cohort: str = "x", seed: int = 0) -> pl.DataFrame:
    """A cohort that writes n texts on each day whose share is not None."""
    rng = np.random.default_rng(seed)
    days = [(FIRST + dt.timedelta(days=day), share) for day, share in enumerate(shares) if share is not None]
    return pl.DataFrame(
        {
            "day": [day for day, _ in days],
            "cohort": [cohort] * len(days),
            "n": [n] * len(days),
            "n_high": [int(rng.binomial(n, share)) for _, share in days],
        },
        schema={"day": pl.Date, "cohort": pl.String, "n": pl.Int64, "n_high": pl.Int64},
    )


def last(shares: list[float | None]) -> dt.date:
    return FIRST + dt.timedelta(days=len(shares) - 1)


def test_steady_share_is_forecast_as_itself_for_fourteen_days() -> None:
    shares: list[float | None] = [0.2] * 120
    result = forecast(frame(shares), last(shares))
    assert dict(result.schema) == COLUMNS
    assert result["day"].to_list() == [last(shares) + dt.timedelta(days=step) for step in range(1, HORIZON + 1)]
    assert result["p"].to_list() == pytest.approx([0.2] * HORIZON, abs=0.03)
    assert all(0 <= row["lo"] < row["p"] < row["hi"] <= 1 for row in result.to_dicts())


@pytest.mark.slow
def test_intervals_cover_as_many_days_as_their_level_says() -> None:
    rng = np.random.default_rng(5)
    inside, checked = 0.0, 0
    for seed in range(12):
        log_odds = -1.4 + np.cumsum(rng.normal(0, 0.08, 150))
        shares: list[float | None] = list(1 / (1 + np.exp(-log_odds)))
        row = forecast(frame(shares, seed=seed), last(shares)).row(0, named=True)
        inside += row["coverage"] * row["n_checked"]
        checked += row["n_checked"]
    assert checked > 1000
    assert inside / checked == pytest.approx(LEVEL, abs=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("texts", [5, 20, 60])
def test_stated_coverage_is_that_of_the_single_days_to_come(texts: int) -> None:
    rng = np.random.default_rng(texts)
    stated, held = [], []
    for _ in range(24):
        log_odds = -1.4 + np.cumsum(rng.normal(0, 0.05, 180 + HORIZON))
        n = rng.poisson(texts, len(log_odds))
        high = rng.binomial(n, 1 / (1 + np.exp(-log_odds)))
        days = pl.date_range(FIRST, FIRST + dt.timedelta(len(n) - 1), eager=True)
        daily = pl.DataFrame({"day": days, "n": n, "n_high": high}).with_columns(cohort=pl.lit("x"))
        ahead = forecast(daily.head(180), days[179])
        stated.append(ahead["coverage"][0])
        to_come = ahead.join(daily.filter(pl.col("n") > 0), on="day")
        held += list((to_come["n_high"] / to_come["n"]).is_between(to_come["lo"], to_come["hi"]))
    assert np.mean(held) == pytest.approx(np.mean(stated), abs=0.05)
    assert np.mean(held) == pytest.approx(LEVEL, abs=0.05)


def test_number_checked_counts_each_day_once() -> None:
    shares: list[float | None] = [0.2] * 100
    row = forecast(frame(shares), last(shares)).row(0, named=True)
    assert row["n_checked"] == 100 - MIN_DAYS - (100 - MIN_DAYS) % HORIZON
    assert forecast(frame([0.2] * 180), last([0.2] * 180))["n_checked"][0] == CHECKS * HORIZON


def test_interval_of_varying_share_widens_with_each_day() -> None:
    rng = np.random.default_rng(1)
    shares: list[float | None] = list(1 / (1 + np.exp(-np.cumsum(rng.normal(0, 0.3, 120)))))
    widths = (forecast(frame(shares), last(shares)).select(pl.col("hi") - pl.col("lo"))).to_series().to_list()
    assert all(later > 0.95 * earlier for earlier, later in pairwise(widths))  # drawn at random
    assert widths[-1] > 1.3 * widths[0]


def test_days_without_texts_are_missing_values_not_zeros() -> None:
    shares: list[float | None] = [0.3 if day % 3 else None for day in range(120)]
    assert forecast(frame(shares), last(shares))["p"][0] == pytest.approx(0.3, abs=0.06)


def test_each_cohort_is_forecast_separately_in_sorted_order() -> None:
    both = pl.concat([frame([0.5] * 60, cohort="b"), frame([0.1] * 60, cohort="a")])
    result = forecast(both, FIRST + dt.timedelta(days=59))
    assert result["cohort"].to_list() == ["a"] * HORIZON + ["b"] * HORIZON
    assert result["p"][0] < 0.2 < result["p"][-1]


@pytest.mark.parametrize(
    "shares",
    [[], [0.2], [0.2] * (MIN_DAYS - 1), [0.2] * 60 + [None] * 30, [0.2] * 60 + [None] * 365],
    ids=["no rows", "one day", "too few days", "a month of silence", "a year of silence"],
)
def test_cohort_with_too_few_days_has_no_rows(shares: list[float | None]) -> None:
    result = forecast(frame(shares), last(shares) if shares else FIRST)
    assert result.is_empty()
    assert dict(result.schema) == COLUMNS


def test_forecast_does_not_use_days_after_as_of() -> None:
    shares: list[float | None] = [0.1] * 60 + [0.9] * 30
    result = forecast(frame(shares), FIRST + dt.timedelta(days=59))
    assert result["hi"].max() < 0.4
    assert result["coverage"][0] is not None


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.filterwarnings("error")
def test_constant_share_is_forecast_as_that_share(share: float) -> None:
    shares: list[float | None] = [share] * 90
    result = forecast(frame(shares), last(shares))
    assert result["p"].to_list() == pytest.approx([share] * HORIZON, abs=0.03)
    assert result["lo"].is_finite().all()


def test_short_history_has_null_coverage_and_no_checks() -> None:
    shares: list[float | None] = [0.2] * (MIN_DAYS + 2)
    result = forecast(frame(shares), last(shares))
    assert result["coverage"].null_count() == HORIZON
    assert result["n_checked"].to_list() == [0] * HORIZON

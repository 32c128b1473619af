"""The intervals of cohorts: 95% of them hold the share though texts of one subject resemble each other."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from monitor.windows import window_queries
from tests.support import fake_feed

SHARE = 0.2


def coverage(subjects: int, correlation: float, texts: int, interval: str) -> float:
    """Share of 4,000 drawn cohorts whose interval holds SHARE; beta-binomial texts, numbers of texts that differ."""
    rng = np.random.default_rng(21)
    shape = (4_000, subjects)
    size = (1 - correlation) / correlation
    own = rng.beta(size * SHARE, size * (1 - SHARE), shape)
    n = 1 + rng.negative_binomial(2, 2 / (1 + texts), shape)
    k = rng.binomial(n, own)
    sums = {"k": k, "n": n, "kk": k * k, "kn": k * n, "nn": n * n}
    cohorts = pl.DataFrame({name: values.sum(axis=1).astype(float) for name, values in sums.items()})
    with fake_feed.database() as con:
        con.register("cohorts", cohorts.with_columns(subjects=pl.lit(subjects)))
        held = con.execute(f"SELECT avg(CAST({SHARE} BETWEEN {interval} AS INTEGER)) FROM cohorts").fetchall()
    return float(held[0][0])


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("subjects", [11, 20, 60])
def test_intervals_of_cohorts_hold_the_share_93_to_97_times_in_100(subjects: int, correlation: float) -> None:
    sums = "k, n, subjects, kk, kn, nn"
    held = coverage(subjects, correlation, 10, f"cluster_low({sums}) AND cluster_high({sums})")
    assert 0.93 <= held <= 0.97


def test_wilsons_interval_over_texts_is_too_narrow_for_cohorts() -> None:
    assert coverage(20, 0.2, 10, "wilson_low(k, n) AND wilson_high(k, n)") < 0.80


def test_quantile_of_students_t_is_within_one_percent() -> None:
    with fake_feed.database() as con:
        for df in (2.0, 2.5, 3.0, 5.0, 10.0, 30.0, 1000.0):
            ((value,),) = con.execute("SELECT t_95(CAST($df AS DOUBLE))", {"df": df}).fetchall()
            assert value == pytest.approx(stats.t.ppf(0.975, df), rel=0.01)


def test_one_text_a_subject_gives_nearly_wilsons_interval() -> None:
    with fake_feed.database() as con:
        ((low, high, plain_low, plain_high),) = con.execute(
            "SELECT cluster_low(200, 1000, 1000, 200, 200, 1000), cluster_high(200, 1000, 1000, 200, 200, 1000),"
            " wilson_low(200, 1000), wilson_high(200, 1000)"
        ).fetchall()
    assert (low, high) == (pytest.approx(plain_low, abs=3e-4), pytest.approx(plain_high, abs=3e-4))


@pytest.mark.parametrize("high", [0, 30])
def test_cohort_without_or_with_only_high_texts_has_a_wide_interval(high: int) -> None:
    with fake_feed.database() as con:
        width = "cluster_high($k, 30, 3, $k * 10, $k * 10, 300) - cluster_low($k, 30, 3, $k * 10, $k * 10, 300)"
        ((value,),) = con.execute(f"SELECT {width}", {"k": high}).fetchall()
    assert 0.4 < value < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("name", "query"), [("cohort", "rolling_cohort"), ("subject_id", "rolling_subject")])
def test_view_agrees_with_the_window_queries_on_every_day(name: str, query: str) -> None:
    levels = {"cohort": ("cohort", "overall"), "subject_id": ("subject", "")}[name]
    as_of = fake_feed.START.replace(year=fake_feed.START.year + 1)
    with fake_feed.database() as con:
        fake_feed.add_courses(con, subjects=12, days=40)
        con.execute("UPDATE scores SET cohort = if(hash(subject_id, day(posted_at) // 9) % 2 = 0, 'a', 'b')")
        for days, suffix in ((1, ""), (7, "_7"), (28, "_28")):
            rows = window_queries.run(con, query, model_id=fake_feed.MODEL, as_of=as_of, window_days=days)
            con.register("rows", rows)
            expected = con.sql(
                f"SELECT coalesce({name}, 'all'), day, share_high_lo, share_high_hi FROM rows ORDER BY ALL"
            ).fetchall()
            view = con.sql(
                f"SELECT name, day, share_high_lo{suffix}, share_high_hi{suffix} FROM risk_rolling"
                f" WHERE level IN {levels} ORDER BY name, day"
            ).fetchall()
            assert [row[:2] for row in view] == [row[:2] for row in expected]
            for row, other in zip(view, expected, strict=True):
                assert row[2:] == pytest.approx(other[2:], abs=1e-9)

"""Charts and the frames they draw: what is in a specification, and what must never be."""

import datetime as dt
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import duckdb
import polars as pl
import pytest

from jobs.collect import collect
from monitor.labels import DEFAULT_RULES, EMOTIONS
from reports import axes, charts, frames
from reports.figures import Figure, all_figures
from reports.inputs import Inputs, Options
from reports.palette import DARK, FOR_CSS, LIGHT, Palette
from tests import fake_feed


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        fake_feed.add_courses(con)
        yield con


@pytest.fixture(scope="module")
def inputs(con: duckdb.DuckDBPyConnection) -> Inputs:
    found = collect(con, None, None, Options(show_subjects=True))
    assert isinstance(found, Inputs)
    return found


def specs(figures: list[Figure], palette: Palette = LIGHT) -> dict[str, dict[str, Any]]:
    return {
        figure.key: axes.spec(figure.draw(palette, width=800), palette, "Arial")
        for figure in figures
        if figure.draw
    }


def rows(spec: dict[str, Any], column: str) -> list[dict[str, Any]]:
    """Rows of the one data set of a specification that has this column."""
    (found,) = (data for data in spec["datasets"].values() if data and column in data[0])
    return found


def test_every_chart_draws_each_row_of_its_window_query(inputs: Inputs) -> None:
    found = specs(all_figures(inputs))
    assert list(found) == ["risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"]
    assert len(rows(found["risk_trend"], "high")) == inputs.daily.height == 120
    assert len(rows(found["risk_levels"], "high")) == 114  # a 7-day mean begins on the seventh day
    assert len(rows(found["emotion_mix"], "emotion")) == inputs.emotion_mix.height
    assert len(rows(found["subject_week"], "label")) == inputs.subject_week.height
    assert len(rows(found["weekday_hour"], "hour")) == inputs.weekday_hour.height


def test_the_alert_line_stands_where_the_parameter_says(con: duckdb.DuckDBPyConnection) -> None:
    for threshold, label in ((0.375, "alert line 37.5%"), (0.0, "alert line 0%"), (1.0, "alert line 100%")):
        found = collect(con, None, None, Options(threshold=threshold))
        spec = specs(all_figures(found))["risk_trend"]
        assert rows(spec, "at") == [{"at": threshold, "day": "2026-01-05", "label": label}]
        domain = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
        assert domain[0] <= threshold <= domain[1] <= 1


def test_days_are_dates_without_a_time_zone_to_move_them(inputs: Inputs) -> None:
    found = specs(all_figures(inputs))
    assert rows(found["risk_trend"], "high")[0]["day"] == "2026-01-05"
    assert (
        rows(found["emotion_mix"], "week")[0] | {"week": "2026-01-05", "week_end": "2026-01-12"}
        == rows(found["emotion_mix"], "week")[0]
    )
    for spec in found.values():
        assert "T00:00" not in json.dumps(spec)


def test_a_specification_is_the_same_each_time(inputs: Inputs) -> None:
    first, second = (json.dumps(specs(all_figures(inputs))) for _ in range(2))
    assert first == second


def test_no_chart_holds_text_or_document_ids(inputs: Inputs) -> None:
    assert "doc-" not in json.dumps(specs(all_figures(inputs)))


def test_subjects_are_numbered_unless_asked_for(con: duckdb.DuckDBPyConnection) -> None:
    figures = all_figures(collect(con, None, None, Options()))
    assert "demo-" not in json.dumps(specs(figures))
    assert "demo-" not in str([(figure.summary, figure.unit, figure.table) for figure in figures])


def test_small_cohorts_are_withheld_from_chart_table_and_sentence(con: duckdb.DuckDBPyConnection) -> None:
    inputs = collect(con, None, None, Options(min_cohort=20))
    by_key = {figure.key: figure for figure in all_figures(inputs)}
    small = inputs.daily.filter(pl.col("n_subjects") < 20)
    assert 0 < small.height < inputs.daily.height
    drawn = {row["day"]: row for row in rows(specs([by_key["risk_trend"]])["risk_trend"], "high")}
    for row in small.to_dicts():
        day = row["day"].isoformat()
        assert drawn[day] | {"high": None, "n": None, "n_subjects": None, "share_high": None} == drawn[day]
        assert (day, "withheld", "–") in [cells[:3] for cells in by_key["risk_trend"].table.rows]
    hidden = inputs.weekday_hour.filter(pl.col("n_subjects") < 20).height
    assert f"{hidden} hours withheld" in by_key["weekday_hour"].summary
    table = by_key["weekday_hour"].table
    assert sum(cells.count("withheld") for cells in table.rows) == hidden


def test_lines_break_over_a_silence_of_a_week_and_not_over_a_weekend() -> None:
    days = [dt.date(2026, 1, day) for day in (1, 2, 5, 6, 13, 14)]
    daily = overall(days)
    trend = frames.trend(daily, daily, daily, min_cohort=1, first_day=days[0])
    assert trend["stretch"].to_list() == [0, 0, 0, 0, 1, 1]


def test_a_mean_is_left_out_until_its_window_is_full() -> None:
    daily = overall([dt.date(2026, 1, 1) + dt.timedelta(days=step) for step in range(30)])
    trend = frames.trend(daily, daily, daily, min_cohort=1, first_day=dt.date(2026, 1, 1))
    assert trend["high_7"].null_count() == 6
    assert trend["high_28"].null_count() == 27
    later = frames.trend(daily, daily, daily, min_cohort=1, first_day=dt.date(2026, 1, 10))
    assert later["high_7"].null_count() == 0


def overall(days: list[dt.date]) -> pl.DataFrame:
    """A frame as daily_overall gives it, everyone at 0.4."""
    measures = dict.fromkeys(("p_high", "p_mid", "p_low", "share_high"), 0.4)
    return pl.DataFrame({"day": days}).with_columns(n=pl.lit(5), n_subjects=pl.lit(5), **measures)


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([0.0, 0.7], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ([0.21, 0.29], [0.22, 0.23, 0.24, 0.25, 0.26, 0.27, 0.28]),
        ([0.0, 1.0], [0.2, 0.4, 0.6, 0.8]),
        ([0.3, 0.3], []),
        ([None], []),
    ],
)
def test_colour_steps_are_round_and_fit_the_values(values: list[float | None], edges: list[float]) -> None:
    assert axes.breaks(pl.Series(values, dtype=pl.Float64), 8) == edges


@pytest.mark.parametrize(
    ("first", "last", "count", "start"),
    [
        ("2026-01-06", "2026-01-08", 3, "2026-01-06"),
        ("2026-01-06", "2026-03-31", 12, "2026-01-12"),
        ("2026-01-06", "2026-12-31", 11, "2026-02-01"),
        ("2020-01-06", "2026-12-31", 27, "2020-04-01"),
        ("2026-01-06", "2026-01-06", 1, "2026-01-06"),
    ],
)
def test_axis_marks_are_days_then_mondays_then_months(first: str, last: str, count: int, start: str) -> None:
    marks = axes.ticks(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    assert len(marks) == count
    assert marks[0] == dt.date.fromisoformat(start)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_read_without_colour_vision(palette: Palette) -> None:
    assert contrast(palette.ink, palette.paper) >= 7
    assert contrast(palette.muted, palette.paper) >= 4.5
    assert contrast(palette.accent, palette.paper) >= 4.5
    assert all(
        contrast(palette.risk(level)[0], palette.paper) >= 3
        for level in ("high_risk", "mid_risk", "low_risk")
    )
    steps = [contrast(colour, palette.paper) for colour in palette.heat]
    assert steps == sorted(steps)  # more risk is always more contrast, whatever the hue
    assert all(later / earlier > 1.15 for earlier, later in pairwise(steps))


@pytest.mark.parametrize(
    "rules",
    [dict(DEFAULT_RULES), dict.fromkeys(EMOTIONS, "high_risk"), {**DEFAULT_RULES, "fear": "high_risk"}],
    ids=["default", "all high", "fear high"],
)
def test_each_emotion_has_a_colour_of_its_own_under_any_risk_map(rules: dict[str, str]) -> None:
    colours = LIGHT.emotions(rules)
    assert set(colours) == set(EMOTIONS)
    assert len(set(colours.values())) == len(EMOTIONS)
    assert all(colours[emotion] in LIGHT.risk(rules[emotion]) for emotion in EMOTIONS)


def test_page_colours_are_names_that_both_themes_define() -> None:
    names = {
        value for field in vars(FOR_CSS).values() for value in ([field] if isinstance(field, str) else field)
    }
    for palette in (LIGHT, DARK):
        defined = {f"var({part.split(':')[0].strip()})" for part in palette.css().split(";") if part.strip()}
        assert names == defined


def test_high_risk_lies_at_the_bottom_of_the_stack(inputs: Inputs) -> None:
    assert charts.LEVELS == ("high", "mid", "low")
    first_week = rows(specs(all_figures(inputs))["emotion_mix"], "emotion")[:6]
    assert first_week[0]["emotion"] == "sadness"
    assert first_week[0]["base"] == 0
    assert first_week[-1]["top"] == pytest.approx(1)

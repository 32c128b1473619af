"""Charts and the frames they draw: what is in a specification, and what must never be."""

import dataclasses
import datetime as dt
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import altair as alt
import duckdb
import polars as pl
import pytest
import vl_convert

from jobs.pipeline.report_inputs import collect_inputs
from monitor.labels import DEFAULT_RULES, EMOTIONS
from monitor.windows import window_queries
from reports.risk import chart_data, html, pages, suppression
from reports.risk.figures import Figure
from reports.risk.inputs import Inputs, Options, Series
from reports.style import axes
from reports.style.palette import DARK, FOR_CSS, LIGHT, Palette
from reports.style.wording import Words
from tests.support import fake_feed


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        fake_feed.add_courses(con)
        yield con


@pytest.fixture(scope="module")
def inputs(con: duckdb.DuckDBPyConnection) -> Inputs:
    found = collect_inputs(con, None, None, Options(show_subjects=True))
    assert isinstance(found, Inputs)
    return found


def all_figures(inputs: Inputs) -> list[Figure]:
    """The figures of the index."""
    return list(next(pages.pages(inputs)).figures)


def specs(figures: list[Figure], palette: Palette = LIGHT) -> dict[str, dict[str, Any]]:
    drawn = {figure.key: figure.draw(palette, width=800) for figure in figures if figure.draw}
    for chart in drawn.values():
        chart.to_dict()  # held to the schema of Vega-Lite, which `axes.spec` leaves out
    return {key: axes.spec(chart, palette, "Arial") for key, chart in drawn.items()}


def rows(spec: dict[str, Any], column: str) -> list[dict[str, Any]]:
    """Rows of the one data set of a specification that has this column."""
    (found,) = (data for data in spec["datasets"].values() if data and column in data[0])
    return found


@pytest.mark.slow
def test_every_chart_draws_each_row_of_its_window_query(inputs: Inputs) -> None:
    found = specs(all_figures(inputs))
    assert list(found) == ["risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour"]
    assert len(rows(found["risk_trend"], "share_7")) == inputs.everyone.daily.height == 120
    assert len(rows(found["risk_levels"], "stretch")) == 114  # a 7-day mean begins on the seventh day
    assert len(rows(found["emotion_mix"], "emotion")) == 6 * inputs.everyone.weeks.height
    assert len(rows(found["subject_week"], "label")) == inputs.subject_week.height
    assert len(rows(found["weekday_hour"], "hour")) == inputs.weekday_hour.height


def test_the_forecast_is_dashed_and_its_past_coverage_is_told(inputs: Inputs) -> None:
    days = [inputs.as_of + dt.timedelta(days=step) for step in range(1, 15)]
    ahead = pl.DataFrame({"day": days}).with_columns(
        p=pl.lit(0.3), lo=pl.lit(0.2), hi=pl.lit(0.45), coverage=pl.lit(0.93), n_checked=pl.lit(112)
    )
    series = dataclasses.replace(inputs.everyone, forecast=ahead, level=0.8)
    figure = all_figures(dataclasses.replace(inputs, everyone=series))[0]
    assert "Forecast for 18 May 2026: 30.0% (20.0% to 45.0%)." in figure.summary
    assert "Check: 93% of 112 days in the past fell inside the band forecast for them (target 80%)." in figure.summary
    spec = specs([figure])["risk_trend"]
    assert len(rows(spec, "p")) == 14
    dashes = next(layer["encoding"]["strokeDash"] for layer in spec["layer"] if "strokeDash" in layer["encoding"])
    looks = dict(zip(dashes["scale"]["domain"], dashes["scale"]["range"], strict=True))
    assert looks == {"one day": [3, 4], "7 days": [1, 0], "28 days": [2, 2], "forecast": [7, 4]}
    assert dashes["legend"]["symbolType"] == "stroke"


@pytest.mark.slow
def test_days_are_dates_without_a_time_zone_to_move_them(inputs: Inputs) -> None:
    found = specs(all_figures(inputs))
    assert rows(found["risk_trend"], "share")[0]["day"] == "2026-01-05"
    first = rows(found["emotion_mix"], "week")[0]  # a week that ends on as_of's weekday, a Monday
    assert (first["week"], first["week_end"]) == ("2025-12-30", "2026-01-06")
    for spec in found.values():
        assert "T00:00" not in json.dumps(spec)


@pytest.mark.slow
def test_a_specification_is_the_same_each_time(inputs: Inputs) -> None:
    first, second = (json.dumps(specs(all_figures(inputs))) for _ in range(2))
    assert first == second


def test_no_chart_holds_text_or_document_ids(inputs: Inputs) -> None:
    assert "doc-" not in json.dumps(specs(all_figures(inputs)))


@pytest.mark.slow
def test_subjects_are_numbered_unless_asked_for(con: duckdb.DuckDBPyConnection) -> None:
    figures = all_figures(collect_inputs(con, None, None, Options()))
    assert "demo-" not in json.dumps(specs(figures))
    assert "demo-" not in str([(figure.summary, figure.unit, figure.table) for figure in figures])


@pytest.mark.slow
def test_small_cohorts_are_withheld_from_chart_table_and_sentence(con: duckdb.DuckDBPyConnection) -> None:
    values = {"model_id": fake_feed.MODEL, "as_of": dt.date(2026, 5, 4), "window_days": 1}
    raw = window_queries.run(con, "rolling_cohort", **values).filter(pl.col("cohort").is_null())
    small = raw.filter(pl.col("n_subjects") < 20)
    assert 0 < small.height < raw.height
    inputs = collect_inputs(con, None, None, Options(min_cohort=20))
    by_key = {figure.key: figure for figure in all_figures(inputs)}
    drawn = {row["day"]: row for row in rows(specs([by_key["risk_trend"]])["risk_trend"], "share")}
    for day in small["day"]:
        assert drawn.get(day.isoformat(), {"share": None})["share"] is None
    assert "Weeks with a day of fewer than 20 subjects are one point each" in by_key["risk_trend"].unit
    assert by_key["weekday_hour"].draw is None
    assert "28 days in a row, each with at least 20 subjects" in by_key["weekday_hour"].summary


def course(days: list[dt.date], missing: list[dt.date] | None = None) -> pl.DataFrame:
    """The trend of a cohort that wrote on these days."""
    measures = ("share_high", "share_high_lo", "share_high_hi", "p_high", "p_mid", "p_low")
    daily = pl.DataFrame({"day": days}).with_columns(
        *(pl.lit(0.4).alias(name) for name in measures), n=pl.lit(5), n_subjects=pl.lit(5)
    )
    weeks = daily.clear().with_columns(withheld=pl.lit(False))
    ahead = pl.DataFrame(schema={"day": pl.Date, "p": pl.Float64, "lo": pl.Float64, "hi": pl.Float64})
    series = Series(None, days[0], daily, daily, daily, weeks, False, ahead, 0.8)
    return chart_data.trend(series, days[0], missing or [], Words())


def january(*days: int) -> list[dt.date]:
    return [dt.date(2026, 1, day) for day in days]


def test_lines_break_over_a_week_or_two_missing_nights_and_not_over_one() -> None:
    days = january(*range(1, 12), 13, 14, 17, 18, 27, 29)
    missing = january(12, 15, 16, *range(19, 27), 28)
    trend = course(days, missing).filter(pl.col("share_7").is_not_null())
    stretches = dict(zip(trend["day"].str.slice(8).cast(pl.Int64), trend["stretch"], strict=True))
    assert stretches[11] == stretches[13] == stretches[14] == 0
    assert stretches[17] == stretches[18] == 1
    assert stretches[27] == stretches[29] == 2
    assert trend.filter("alone")["day"].to_list() == ["2026-01-27", "2026-01-29"]


def test_missing_nights_are_shaded_in_runs() -> None:
    found = chart_data.gaps(january(3, 7, 8, 9), dt.date(2026, 1, 4))
    assert found.rows() == [("2026-01-07", "2026-01-10", 3)]


def test_a_mean_is_left_out_until_its_window_is_full() -> None:
    days = [dt.date(2026, 1, 1) + dt.timedelta(days=step) for step in range(30)]
    trend = course(days)
    assert trend["share_7"].null_count() == 6
    assert trend["share_28"].null_count() == 27


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


@pytest.mark.slow
def test_months_on_an_axis_are_evenly_spaced_at_any_width() -> None:
    mondays = pl.date_range(dt.date(2026, 1, 5), dt.date(2026, 11, 23), "1w", eager=True)
    weeks = pl.DataFrame({"week": mondays.dt.to_string("%Y-%m-%d")})
    chart = alt.Chart(weeks).mark_rect().encode(axes.time_axis("week", weeks["week"], Words()))
    for width in range(260, 660, 20):
        drawn = vl_convert.vegalite_to_svg(axes.spec(chart.properties(width=width), LIGHT, "Arial"))
        shown = re.findall(r'opacity="1">(?:<tspan>)?1 ([A-Z][a-z]{2})<', drawn)
        months = [dt.datetime.strptime(name, "%b").month for name in shown]
        assert len(months) > 2
        assert len({later - earlier for earlier, later in pairwise(months)}) == 1, (width, shown)


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
        contrast(palette.risk(level)[0], palette.paper) >= 3 for level in ("high_risk", "mid_risk", "low_risk")
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
    names = {value for field in vars(FOR_CSS).values() for value in ([field] if isinstance(field, str) else field)}
    for palette in (LIGHT, DARK):
        defined = {f"var({part.split(':')[0].strip()})" for part in palette.css().split(";") if part.strip()}
        assert names == defined


def test_high_risk_lies_at_the_bottom_of_the_stack(inputs: Inputs) -> None:
    assert chart_data.LEVELS == ("high", "mid", "low")
    first_week = rows(specs(all_figures(inputs))["emotion_mix"], "emotion")[:6]
    assert first_week[0]["emotion"] == "sadness"
    assert first_week[0]["base"] == 0
    assert first_week[-1]["top"] == pytest.approx(1)


def test_no_name_can_end_the_process_that_draws_it_or_turn_its_neighbours_round() -> None:
    name = "wa\x1b[31mrd \x00\ufffe\u202egnp"
    frame = pl.DataFrame({name: [name], "n": [1]})
    chart = alt.Chart(frame, title=name).mark_bar().encode(x="n:Q", y=alt.Y("n:N", title=name))
    drawn = axes.spec(chart, LIGHT, "Arial")
    told = json.dumps(drawn, ensure_ascii=False)
    assert not any(bad in told for bad in ("\\u001b", "\\u0000", "\ufffe", "\u202e"))
    assert vl_convert.svg_to_png(vl_convert.vegalite_to_svg(drawn)).startswith(b"\x89PNG")
    assert "wa\ufffd[31mrd" in told


def test_pages_and_pictures_hold_no_more_digits_than_they_show(inputs: Inputs) -> None:
    page = next(iter(pages.pages(inputs)))
    html_page = html.render(page, inputs.words)
    specs = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html_page, re.S)[1])  # type: ignore[index]
    values = [
        value
        for spec in specs.values()
        for rows in spec["datasets"].values()
        for row in rows
        for value in row.values()
        if isinstance(value, float)
    ]
    assert len(values) > 100
    assert all(value == round(value, suppression.DECIMALS) for value in values)

"""Counts of people in a report that shows no single people: none singles out a few."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

from jobs.pipeline.report_inputs import collect_inputs
from jobs.pipeline.write_report import withheld
from monitor.alerts.case_log import record_case
from monitor.alerts.rules import AlertRules
from reports.risk import data_quality, headline, signs, subjects, suppression
from reports.risk import html as page
from reports.risk import pages as site
from reports.risk.headline import Tile
from reports.risk.inputs import Inputs, Options
from tests.reports.test_report import said
from tests.support import fake_feed

AS_OF = dt.date(2026, 1, 18)
WITHHELD = ("withheld", "too few subjects")


def people(n: int) -> list[str]:
    return [f"s{who:02d}" for who in range(n)]


def made(sad: int, of: int, **options: object) -> Inputs:
    """The inputs of `of` people who wrote three texts in each of two weeks.

    The first `sad` of them wrote six sad texts in the second week, and the crisis list raised one of each.
    """
    texts = [(who, f"2026-01-{day:02d} 08:00", 0.1) for who in people(of) for day in (6, 8, 10, 13, 15, 17)]
    texts += [(who, f"2026-01-{day:02d} 09:00", 0.9) for who in people(sad) for day in range(13, 19)]
    texts += [(people(of)[0], f"{AS_OF} 10:00", 0.1)]
    with fake_feed.database() as con:
        fake_feed.add(con, texts)
        con.execute(
            "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, 'p' AS phrase,"
            " 'suicidal' AS criterion, 0 AS \"first\", 1 AS \"last\", 'raised' AS state, 'l' AS list_id,"
            f" 'r' AS run_id FROM documents WHERE posted_at = '{AS_OF} 09:00'"
        )
        fake_feed.update_alerts(con, AS_OF, AlertRules(), "run-1")
        for code in ("contacted", "false_alarm"):  # of the first person and of the others
            for (alert,) in con.execute(
                "SELECT alert_id FROM alerts WHERE rule = 'crisis' AND (subject_id = 's00') = ?",
                [code == "contacted"],
            ).fetchall():
                record_case(con, alert, by="Ana", outcome=code)
        found = collect_inputs(con, AS_OF, None, Options(**{"mode": "aggregate", **options}))
    assert isinstance(found, Inputs)
    return found


def at_line(found: Inputs) -> Tile:
    return next(tile for tile in headline.tiles(found.everyone, found) if tile.label.startswith("subjects at the"))


def shown(found: Inputs) -> str:
    """The words of all pages."""
    return " ".join(said(page.render(one, found.words)) for one in site.pages(found))


@pytest.mark.parametrize(("sad", "of"), [(1, 12), (11, 12), (1, 40), (30, 40)])
def test_a_count_that_singles_out_few_people_is_withheld(sad: int, of: int) -> None:
    found = made(sad, of)
    assert (at_line(found).value, at_line(found).note) == WITHHELD
    assert {(tile.value, tile.note) for tile in subjects.alert_tiles(found)} >= {WITHHELD}
    values = {tile.label: tile.value for tile in subjects.alert_tiles(found)}
    assert values["subjects with such an alert"] == values["opened in the last 7 days"] == "withheld"
    assert withheld(found) == [
        "counts of people or alerts, or shares, withheld: they would tell of fewer than min_cohort = 11 people"
    ]
    words = shown(found)
    assert "The number of passages that the crisis list found in the last 28 days is withheld." in words
    assert "wrote 5 or more texts" not in words
    assert "of them acknowledged" not in words
    assert ("or with fewer subjects of texts labelled high risk, are one point" in words) == found.everyone.by_week


@pytest.mark.parametrize(("sad", "of"), [(1, 12), (30, 40)])
def test_where_people_are_shown_their_number_is_shown(sad: int, of: int) -> None:
    found = made(sad, of, mode="people")
    assert at_line(found).value == str(sad)
    assert at_line(found).note == f"+{sad} on the week before; {sad} wrote 5 or more texts"
    values = {tile.label: tile.value for tile in subjects.alert_tiles(found)}
    assert values["subjects with such an alert"] == str(sad)
    assert "The crisis list found " in shown(found)


@pytest.mark.parametrize(
    ("sad", "mode", "value"), [(0, "aggregate", "0.0%"), (1, "aggregate", "withheld"), (10, "aggregate", "withheld"),
                               (1, "people", "4.7%")]
)  # fmt: skip
def test_a_share_of_texts_that_few_people_wrote_is_withheld(sad: int, mode: str, value: str) -> None:
    found = made(sad, 40, mode=mode)
    share, mean, *_ = headline.tiles(found.everyone, found)
    assert (share.value, mean.value == "withheld") == (value, False)
    lead = headline.lead(found.everyone, found)
    assert ("The share of texts labelled high risk in the 7 days to 18 Jan 2026 is withheld" in lead) == share.muted
    shares = [frame["share_high"] for frame in (found.everyone.daily, found.everyone.week, found.everyone.month)]
    last = pl.concat(shares).tail(1)
    assert (last.null_count() > 0) == share.muted
    assert "n_high_top" not in found.everyone.weeks.columns
    sources = "".join(page.render(one, found.words) for one in site.pages(found))  # with the data of the charts
    assert "weekday" in sources
    if mode == "aggregate":
        assert not re.findall(r'"(?:n_high|share_high)[a-z_]*":', sources)
    if share.muted:
        assert not re.findall(r'"share(?:_7|_28)?":(?!null|0\.0\b)[^,}]+', sources)


@pytest.fixture(scope="module")
def fifteen() -> Inputs:
    """The inputs of forty people of whom fifteen are sad."""
    return made(15, 40)


def test_a_count_of_nobody_and_of_enough_is_shown(fifteen: Inputs) -> None:
    assert at_line(made(0, 12)).value == "0"
    assert at_line(fifteen).value == "15"
    values = {tile.label: tile.value for tile in subjects.alert_tiles(fifteen)}
    assert values["subjects with such an alert"] == "15"
    assert "The crisis list found 15 passages in the last 28 days." in shown(fifteen)


@pytest.mark.parametrize(
    ("now", "before", "note"),
    [
        ((15, 15), (0, 0), "+15 on the week before; 15 wrote 5 or more texts"),
        ((15, 20), (12, 20), "+3 on the week before"),  # five wrote enough and are not at the line
        ((15, 39), (12, 39), "+3 on the week before"),  # one wrote less
        ((15, 15), (1, 15), "too few subjects the week before"),
        ((15, 15), (39, 39), "too few subjects the week before"),
    ],
)
def test_the_note_of_the_line_singles_out_nobody(
    fifteen: Inputs, now: tuple[int, int], before: tuple[int, int], note: str
) -> None:
    weeks = fifteen.headline.with_columns(
        n_above=pl.when(pl.col("period") == "now").then(now[0]).otherwise(before[0]),
        n_rated=pl.when(pl.col("period") == "now").then(now[1]).otherwise(before[1]),
    )
    assert at_line(replace(fifteen, headline=weeks)).note == note


NOT_ONE = pl.col("subject_id") != "s00"
CHANGED: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], list[str], str]] = {
    "one of them has two": (
        lambda alerts: alerts.filter(~NOT_ONE | (pl.col("rule") == "crisis")),
        ["withheld", "15", "withheld", "0"],
        "too few subjects",
    ),
    "one is acknowledged": (
        lambda alerts: alerts.with_columns(
            state=pl.when(NOT_ONE).then(pl.lit("open")).otherwise(pl.lit("acknowledged"))
        ),
        ["45", "15", "45", "0"],
        "",
    ),
    "one is older": (
        lambda alerts: alerts.with_columns(
            opened_on=pl.when(NOT_ONE).then("opened_on").otherwise(pl.lit(AS_OF - dt.timedelta(days=9)))
        ),
        ["45", "15", "withheld", "0"],
        "15 of them acknowledged",
    ),
    "one was closed": (
        lambda alerts: pl.concat(
            [alerts, alerts.head(1).with_columns(is_open=False, closed_on=pl.lit(AS_OF), subject_id=pl.lit("s39"))]
        ),
        ["45", "15", "withheld", "withheld"],
        "15 of them acknowledged",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_no_tile_of_alerts_and_no_difference_of_two_singles_out_one_person(fifteen: Inputs, name: str) -> None:
    change, values, note = CHANGED[name]
    tiles = subjects.alert_tiles(replace(fifteen, alerts=change(fifteen.alerts)))
    assert [tile.value for tile in tiles] == values
    assert tiles[0].note == note


def test_outcomes_of_few_people_are_withheld_where_people_are(fifteen: Inputs) -> None:
    def row(found: Inputs) -> tuple:
        (row,) = data_quality.rule_outcomes(found).table.rows
        return row

    assert row(fifteen) == ("crisis", "withheld", "", "", "", "", "")  # one person was contacted
    assert row(made(15, 40, mode="people"))[:4] == ("crisis", "15", "1", "0")
    enough = fifteen.outcomes.with_columns(n_people=pl.lit([15, 0, 0, 15]))
    assert row(replace(fifteen, outcomes=enough))[:3] == ("crisis", "15", "1")


def test_no_chart_holds_the_number_of_texts_of_one_person() -> None:
    texts = [(who, f"{AS_OF - dt.timedelta(days=back)} 08:00", 0.1) for who in people(12) for back in range(40)]
    with fake_feed.database() as con:
        fake_feed.add(con, [*texts, *[(who, f"{at[:10]} 09:00", 0.1) for who, at, _ in texts]])
        found = collect_inputs(con, None, None, Options())
    html = page.render(next(site.pages(found)), found.words)
    assert 'id="weekday_hour"' in html
    assert "n_top" not in html


def cells(**counts: tuple[int, int]) -> pl.DataFrame:
    """Rows of criteria_overall of one criterion: cohort -> people who wrote, and people who showed it."""
    everyone = tuple(map(sum, zip(*counts.values(), strict=True)))
    rows = [(cohort, "mood", *pair) for cohort, pair in counts.items()] + [(None, "mood", *everyone)]
    frame = pl.DataFrame(rows, schema=["cohort", "criterion", "n_subjects", "n_shown_subjects"], orient="row")
    return frame.with_columns(n=pl.lit(100), n_shown=pl.lit(50), share=pl.lit(0.5), n_top=1, n_shown_top=1)


def test_a_sign_that_few_people_did_not_show_has_no_exact_number() -> None:
    def told(n: int, n_shown: int, left_out: int) -> tuple[int | None, int | None, float | None]:
        result = suppression.criteria(cells(x=(n, n_shown)), ["x"], 11, left_out)
        return result.row(0, named=True)["n_shown_subjects"], result["at_least"][0], result["share"][0]

    assert told(12, 11, 1) == (11, None, 0.5)
    assert told(12, 11, 11) == told(12, 12, 11) == (None, 11, 0.5)
    assert told(40, 30, 11) == told(40, 39, 11) == told(40, 40, 11) == (None, 30, 0.5)
    assert told(40, 29, 11) == (29, None, 0.5)
    result = suppression.criteria(cells(x=(40, 20), y=(30, 28), z=(50, 25)), ["x", "y", "z"], 11, 11)
    assert result["n_shown_subjects"].to_list() == [None, None, 25, 73], "73 - 25 - 20 would tell of two people of y"
    assert result["withheld"].to_list() == [True, False, False, False]
    found = made(1, 12)
    answered = replace(found, criteria=all_signs(cells(x=(12, 12)).filter(pl.col("cohort").is_null())))
    assert "at least 11 people" in shown(answered)


def all_signs(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [suppression.criteria(frame.with_columns(criterion=pl.lit(name)), [], 11, 11) for name in signs.SIGNS]
    )


def test_a_rare_sign_of_a_cohort_does_not_give_away_how_many_wrote_in_a_small_one() -> None:
    rare = cells(x=(25, 20), y=(12, 2), z=(3, 0)).with_columns(criterion=pl.lit("worth"))
    frame = pl.concat([cells(x=(25, 20), y=(12, 12), z=(3, 0)), rare])
    result = suppression.criteria(frame, ["x", "y"], 11).filter(pl.col("criterion") == "mood")
    shown = result.filter(~pl.col("withheld"))
    assert shown["cohort"].to_list() == ["x", None], "40 who wrote without 25 and 12 are 3"

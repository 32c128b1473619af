"""Signs of depression and crisis wording on the pages: what is shown, what is withheld, in both languages."""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser

from jobs.pipeline.report_inputs import collect_inputs
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.errors import ConfigError
from monitor.labels import CRITERIA
from monitor.lake.scratch import undone
from reports.risk import html as page
from reports.risk import pages as site
from reports.risk import signs, suppression
from reports.risk.figures import Figure
from reports.risk.inputs import Inputs, Options
from reports.style.wording import Words, percent
from tests.reports.test_hostile import ATTACKS
from tests.reports.test_report import said
from tests.support import fake_feed, full_report
from tests.support.opened_page import opened

LAST = full_report.LAST
CRISIS_SUBJECTS = ("demo-01", "demo-02", "demo-03")
WARNING = "This report does not detect crises by itself: a person must read the texts."
SOURCES = (
    "Crisis alerts are open for 3 people: 2 because of wording of the crisis list, 1 because the model alone reads a "
    "text as thoughts of death or self-harm."
)
PASSAGES = "The crisis list found 2 passages in the last 28 days."


def answer(con: duckdb.DuckDBPyConnection) -> None:
    """Give the texts the signs that follow their sadness, three subjects a crisis, and two passages."""
    con.execute(
        "UPDATE scores SET p_any = p_high, criteria = CASE WHEN p_high > 0.9 THEN 'mood,hopeless,sleep' "
        "WHEN p_high > 0.5 THEN 'mood' WHEN p_high > 0.4 THEN 'any' ELSE '' END"
    )
    con.execute(
        "UPDATE scores SET criteria = 'suicidal', s_suicidal = 0.95, peak_high = 0.9 "
        "WHERE doc_id IN (SELECT max(doc_id) FROM scores "
        "WHERE list_contains(?, subject_id) AND posted_at >= DATE '2026-04-25' GROUP BY subject_id)",
        [list(CRISIS_SUBJECTS)],
    )
    con.execute(
        "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, '<i>end it</i>' AS phrase, "
        '\'suicidal\' AS criterion, 0 AS "first", 4 AS "last", '
        "CASE WHEN subject_id = 'demo-03' THEN 'held' ELSE 'raised' END AS state, 'list' AS list_id, "
        "'run-1' AS run_id FROM scores WHERE criteria = 'suicidal'"
    )
    fake_feed.update_alerts(con, LAST, AlertRules(), "run-1")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        full_report.fill(con)
        answer(con)
        yield con


@pytest.fixture(scope="module")
def untold(con: duckdb.DuckDBPyConnection) -> Inputs:
    """What the report is made of that names nobody and quotes nothing; the queries take a second."""
    return inputs(con, subject_pages=True)


@pytest.fixture(scope="module")
def plain(untold: Inputs) -> dict[str, site.Page]:
    """Its pages, with a page a subject."""
    return by_file(untold)


@pytest.fixture(scope="module")
def told(con: duckdb.DuckDBPyConnection) -> Inputs:
    """What the report that names people and quotes texts is made of."""
    return inputs(con, evidence=True, show_subjects=True)


@pytest.fixture(scope="module")
def plain_html(plain: dict[str, site.Page]) -> dict[str, str]:
    """The HTML of these pages."""
    return rendered(plain, Words())


def inputs(con: duckdb.DuckDBPyConnection, **options: object) -> Inputs:
    found = collect_inputs(con, None, None, Options(**options))
    assert isinstance(found, Inputs)
    return found


def by_file(found: Inputs) -> dict[str, site.Page]:
    return {one.file: one for one in site.pages(found)}


def pages(con: duckdb.DuckDBPyConnection, **options: object) -> dict[str, site.Page]:
    return by_file(inputs(con, **options))


def rendered(pages: dict[str, site.Page], words: Words) -> dict[str, str]:
    """The HTML of the pages, of every fourth person's alone: the charts of forty take seconds, and are alike."""
    persons = [file for file in pages if file.startswith("subjects/")]
    left_out = set(persons) - set(persons[::4])
    return {file: page.render(one, words) for file, one in pages.items() if file not in left_out}


def figure(one: site.Page, key: str) -> Figure:
    return next(figure for figure in one.figures if figure.key == key)


def test_the_table_shows_share_and_people_of_each_sign(
    con: duckdb.DuckDBPyConnection, plain: dict[str, site.Page]
) -> None:
    rows = {row[0]: row[1:] for row in figure(plain["index.html"], "signs").table.rows}
    assert list(rows) == list(signs.SIGNS.values())
    ((n, n_mood, people),) = con.execute(
        "SELECT count(*), count(*) FILTER (criteria LIKE 'mood%'), "
        "count(DISTINCT subject_id) FILTER (criteria LIKE 'mood%') FROM scores "
        "WHERE posted_at >= DATE '2026-04-07' AND posted_at < DATE '2026-05-05'"
    ).fetchall()
    assert rows["low mood"] == (percent(n_mood / n), str(people), "40")
    assert rows["thoughts of death or self-harm"] == ("–", "fewer than 11 people", "40")
    assert rows["irritability"] == ("0.0%", "0", "40")
    assert rows["any of these"][0] > rows["low mood"][0]
    assert figure(plain["cohort-1.html"], "signs").table.rows[0][3] == "20"


def test_groups_of_too_few_people_have_no_table(con: duckdb.DuckDBPyConnection) -> None:
    shown = pages(con, min_cohort=41)
    table = figure(shown["index.html"], "signs")
    assert table.table is None
    assert table.summary.startswith("Withheld: fewer than 41 people wrote in the 28 days to 4 May 2026")


@pytest.mark.parametrize("seed", range(5))
def test_published_rows_never_add_up_to_a_small_group(seed: int) -> None:
    rng, least = np.random.default_rng(seed), 11
    cells = []
    for criterion in ("mood", "sleep", "any"):
        of_cohorts = [
            {
                "cohort": f"c{k}",
                "n_subjects": (wrote := 6 + 9 * k),
                "n_shown_subjects": int(rng.integers(wrote)),
            }
            for k in range(5)
        ]
        sums = {name: sum(cell[name] for cell in of_cohorts) for name in ("n_subjects", "n_shown_subjects")}
        cells += [{**cell, "criterion": criterion} for cell in (*of_cohorts, {"cohort": None, **sums})]
    frame = pl.DataFrame(cells).with_columns(
        n=pl.lit(100), n_shown=pl.lit(5), share=pl.lit(0.05), n_top=pl.lit(1), n_shown_top=pl.lit(1)
    )
    result = suppression.criteria(frame, ["c0", "c1", "c2", "c4"], least)
    joined = result.join(frame.rename({"n_shown_subjects": "true"}), on=["cohort", "criterion"], nulls_equal=True)
    shown = joined.filter(~pl.col("few") & ~pl.col("withheld"))
    assert shown.filter(pl.col("true").is_between(1, least - 1)).is_empty()
    assert shown["share"].null_count() == 0
    hidden = joined.filter(pl.col("few") | pl.col("withheld"))
    assert hidden["share"].null_count() == hidden["n_shown_subjects"].null_count() == hidden.height
    assert result.filter(pl.col("cohort").is_in(["c0", "c3"]))["withheld"].all()
    for (_,), of_criterion in hidden.drop_nulls("cohort").group_by("criterion"):
        assert of_criterion["true"].sum() == 0 or of_criterion["true"].sum() >= least


@pytest.mark.slow
def test_a_strip_says_on_which_days_a_person_showed_a_sign() -> None:
    with fake_feed.database() as con:
        days = ("2026-01-01", "2026-01-05", "2026-01-05", "2026-01-06", "2026-01-18")
        fake_feed.add(con, [(who, f"{day} 08:00", 0.2) for day in days for who in ("a", "b")])
        con.execute("UPDATE scores SET p_any = 0.1, criteria = ''")
        con.execute("UPDATE scores SET criteria = 'sleep,energy' WHERE doc_id IN ('doc-0', 'doc-2', 'doc-6')")
        con.execute("UPDATE scores SET criteria = 'any' WHERE doc_id = 'doc-8'")
        shown = pages(con, min_cohort=1, show_subjects=True, subject_pages=True)
    by_title = {one.title: figure(one, "signs") for one in shown.values() if one.file.startswith("subjects/")}

    def own_title(subject: str) -> str:
        (title,) = (title for title in by_title if title.endswith(f" · {subject}"))
        return title

    own = by_title[own_title("a")].strips
    assert [(strip.name, strip.text) for strip in own] == [
        ("tiredness", "shown on 2 of 3 days with texts; last on 6 Jan 2026"),
        ("sleep problems", "shown on 2 of 3 days with texts; last on 6 Jan 2026"),
        (
            "any of these, no single one above its limit",
            "shown on 1 of 3 days with texts; last on 18 Jan 2026",
        ),
    ]
    looks = [day.look for day in own[1].days]
    assert looks == ["heat-4", "heat-8", *["none"] * 11, "zero"]
    assert own[1].days[0].title == "5 Jan 2026: 1 of 2 texts"
    assert by_title[own_title("a")].summary.startswith("Not shown in these days: low mood, hopelessness, ")
    assert by_title[own_title("b")].summary == "No text of these days showed a sign."
    assert not by_title[own_title("b")].strips


@pytest.mark.slow
def test_crisis_alerts_come_first_with_their_signs(told: Inputs, plain: dict[str, site.Page]) -> None:
    shown = by_file(told)["alerts.html"]
    assert shown.lead.startswith(f"{WARNING} {PASSAGES} {SOURCES}")
    table = figure(shown, "open_alerts").table
    assert table.columns[-1] == "Signs in the last 14 days"
    rules = [row[1] for row in table.rows]
    assert rules[:3] == ["crisis"] * 3
    assert "crisis" not in rules[3:]
    assert {row[0].split(" · ")[1] for row in table.rows[:3]} == set(CRISIS_SUBJECTS)
    assert all(row[5:7] == ("1 text", "1 text") for row in table.rows[:3])
    assert all(row[9].startswith("thoughts of death or self-harm") for row in table.rows[:3])
    assert "Crisis: a text holds wording of the crisis list" in figure(shown, "open_alerts").unit
    first = plain["index.html"].people
    assert first.summary.startswith("18 people to look at: 3 crisis, 3 alerted this week, ")
    assert [card.group for card, _ in first.brief][:4] == ["crisis"] * 3 + ["new"]


@pytest.mark.slow
def test_passages_are_quoted_with_the_option_alone(told: Inputs, plain_html: dict[str, str]) -> None:
    for html in plain_html.values():
        assert "end it" not in html
        assert "text of doc" not in html
    quoted = figure(by_file(told)["alerts.html"], "crisis_passages").table.rows
    assert sorted(row[0].split(" · ")[1] for row in quoted) == ["demo-01", "demo-02"]
    assert all(row[3].startswith("text of doc") for row in quoted)


@pytest.mark.slow
def test_among_few_subjects_the_number_of_passages_is_withheld(
    con: duckdb.DuckDBPyConnection, untold: Inputs
) -> None:
    shown = pages(con, min_cohort=41, evidence=True)["alerts.html"]
    assert shown.lead.startswith(f"{WARNING} Withheld")
    assert figure(shown, "crisis_passages").table is None
    assert not untold.passages["passage"].str.len_chars().sum()


@pytest.mark.slow
def test_one_passage_and_none_but_alerts_have_their_own_sentence(con: duckdb.DuckDBPyConnection) -> None:
    with undone(con):
        con.execute("DELETE FROM mentions WHERE subject_id = 'demo-01'")
        lead = pages(con)["alerts.html"].lead
        assert "found 1 passage in the last 28 days. Crisis alerts are open for 3 people: 1 because" in lead
        con.execute("DELETE FROM mentions")
        lead = pages(con)["alerts.html"].lead
        assert "open for 3 people, because the model reads texts of theirs as thoughts of death or self-harm." in lead


@pytest.mark.slow
def test_a_model_without_the_question_says_so_in_one_sentence() -> None:
    with fake_feed.database() as con:
        full_report.fill(con)
        shown = pages(con, subject_pages=True)
    for file in ("index.html", "cohort-1.html", full_report.FIRST):
        told = figure(shown[file], "signs")
        assert told.summary == "Model emotion-model-a does not answer the question about signs of depression."
        assert told.table is None
        assert not told.strips
    assert figure(shown["alerts.html"], "open_alerts").table.columns[-1] == "Alert"
    assert "The crisis list found no passages" in shown["alerts.html"].lead


@pytest.mark.slow
def test_pages_name_the_emotion_behind_high_risk_and_the_signal(
    con: duckdb.DuckDBPyConnection, plain: dict[str, site.Page]
) -> None:
    note = "P(high risk) is the sadness score: P(sadness)."
    assert note in figure(plain["index.html"], "risk_trend").unit
    assert note in figure(plain[full_report.FIRST], "course").unit
    assert "mean sadness score, P(sadness)" in {tile.label for tile in plain["index.html"].tiles}
    assert "The signal is the sadness score, P(sadness)." in figure(plain["alerts.html"], "open_alerts").unit
    for signal, sentence in {
        "p_any": "The signal is P(any): the probability that a text shows any sign",
        "both": "The signal is the greater of P(high risk) and P(any)",
    }.items():
        assert sentence in figure(pages(con, signal=signal)["alerts.html"], "open_alerts").unit
    with pytest.raises(ConfigError, match="--signal p_low: the rules read p_high, p_any, both"):
        Options(signal="p_low")


@pytest.mark.slow
def test_chinese_pages_name_signs_and_crisis_without_english(con: duckdb.DuckDBPyConnection) -> None:
    zh = inputs(con, lang="zh-TW", subject_pages=True, evidence=True)
    words = {file: said(html) for file, html in rendered(by_file(zh), zh.words).items()}
    assert "本報告本身不能偵測危機：必須有人閱讀貼文。最近 28 天危機詞表找到 2 個段落。" in words["alerts.html"]
    assert "不到 11 人" in words["index.html"]
    assert "有貼文的 " in words[full_report.FIRST]
    english = [
        *signs.SIGNS.values(),
        WARNING,
        "shown on",
        "Signs of",
        "People who",
        "crisis list",
        "fewer than",
    ]
    for file, text in words.items():
        assert not [phrase for phrase in english if phrase in text], file
        assert "並非診斷" in text


@pytest.mark.slow
def test_every_page_with_signs_says_that_it_is_not_a_diagnosis(told: Inputs, plain_html: dict[str, str]) -> None:
    quoting = rendered(by_file(told), told.words)
    assert all(NOT_A_DIAGNOSIS in said(html) for html in (*plain_html.values(), *quoting.values()))


def test_each_criterion_of_the_model_has_words() -> None:
    assert list(signs.SIGNS) == [*CRITERIA, "any"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose people and passages are named by an attacker."""
    out = tmp_path_factory.mktemp("hostile")
    with fake_feed.database() as con:
        names = ATTACKS[:5]
        fake_feed.add(con, [(name, f"2026-01-{day:02d} 08:00", 0.9) for name in names for day in range(5, 19)])
        con.execute("UPDATE scores SET p_any = 0.9, criteria = 'sleep,suicidal,' || subject_id")
        con.execute("UPDATE documents SET text = 'x' || subject_id || repeat('y', 400)")
        con.execute(
            "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, subject_id AS phrase, 'suicidal' AS "
            "criterion, 1 AS \"first\", 9 AS \"last\", 'raised' AS state, 'list' AS list_id, 'r' AS run_id "
            "FROM scores"
        )
        fake_feed.update_alerts(con, dt.date(2026, 1, 18), AlertRules(), "run-1")
        found = inputs(con, min_cohort=1, show_subjects=True, subject_pages=True, evidence=True)
        return full_report.write(found, out)


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1400])
def test_strips_and_hostile_passages_fit_and_run_nothing(browser: Browser, hostile: Path, width: int) -> None:
    for file in ("index.html", "people.html", "alerts.html", next(hostile.glob("subjects/*")).relative_to(hostile)):
        seen = opened(browser, hostile / file, width)
        assert seen.is_silent_and_offline(), (seen.messages, seen.requests)
        assert seen.page.evaluate("window.hacked") is None
        assert seen.count("img") == 0
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.count(".strips li") == 2
    boxes = seen.page.locator(".strips i").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert len(boxes) == 28
    assert max(boxes) <= width
    assert re.fullmatch(
        "shown on 14 of 14 days with texts; last on 18 Jan 2026",
        seen.page.locator(".strips .said").first.inner_text(),
    )

"""The pages besides the index: cohorts, alerts, subjects; what is opt-in, what is withheld, the other language."""

import ast
import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from string import Formatter

import duckdb
import polars as pl
import pytest

from jobs.pipeline import report_inputs
from jobs.pipeline.report_inputs import collect_inputs
from jobs.pipeline.write_report import write_report
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.labels import EMOTIONS
from monitor.lake.scratch import undone
from reports.risk import cards, chart_data, data_quality, headline, pictures, signs, subjects
from reports.risk import html as page
from reports.risk import pages as site
from reports.risk.figures import Link
from reports.risk.inputs import Inputs, Options
from reports.style import axes
from reports.style.wording import LANGUAGES, WEEKDAYS, Words
from tests.reports.test_report import said
from tests.support import fake_feed, full_report
from tests.support.full_report import FIRST

RISK = Path(page.__file__).parent
STYLE = RISK.with_name("style")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        full_report.fill(con)
        yield con


@pytest.fixture(scope="module")
def found(con: duckdb.DuckDBPyConnection) -> Inputs:
    """What the report without any option is made of; its queries take a second."""
    return inputs(con)


@pytest.fixture(scope="module")
def subject_pages(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Each page's HTML, with a page a subject; the charts of forty subjects take seconds."""
    return pages(con, subject_pages=True)


def inputs(con: duckdb.DuckDBPyConnection, **options: object) -> Inputs:
    found = collect_inputs(con, None, None, Options(**options))
    assert isinstance(found, Inputs)
    return found


def rendered(found: Inputs, *files: str) -> dict[str, str]:
    """The HTML of each page, or of these pages alone. Persons' charts are alike in kind: FIRST's are validated."""
    shown = {}
    for one in site.pages(found):
        if not files or one.file in files:
            alike = one.file.startswith("subjects/") and one.file != FIRST
            with axes.unchecked() if alike else nullcontext():
                shown[one.file] = page.render(one, found.words)
    return shown


def pages(con: duckdb.DuckDBPyConnection, *files: str, **options: object) -> dict[str, str]:
    return rendered(inputs(con, **options), *files)


def test_a_withheld_week_before_gives_no_change_of_subjects_at_the_line(found: Inputs) -> None:
    before = pl.col("day") == found.as_of - dt.timedelta(days=7)
    weeks = found.everyone.weeks.with_columns(withheld=before)
    tiles = headline.tiles(replace(found.everyone, weeks=weeks), found)
    assert [one.note for one in tiles] == [*["too few subjects the week before"] * 3, ""]
    assert all("on the week before" in one.note for one in headline.tiles(found.everyone, found))


def test_an_alert_that_closed_after_the_last_day_is_open_and_not_closed(found: Inputs) -> None:
    later = found.alerts.with_columns(is_open=pl.lit(True), closed_on=pl.lit(found.as_of + dt.timedelta(days=1)))
    values = {one.label: one.value for one in subjects.alert_tiles(replace(found, alerts=later))}
    assert values["alerts not closed"] == f"{later.height:,}"
    assert values["closed in the last 28 days"] == "0"


def test_a_withdrawn_alert_is_not_among_those_opened_this_week(found: Inputs) -> None:
    def opened(found: Inputs) -> int:
        return next(int(one.value) for one in subjects.alert_tiles(found) if one.label == "opened in the last 7 days")

    gone = pl.lit("withdrawn").alias("closed_because")
    assert opened(found) > 0
    assert opened(replace(found, alerts=found.alerts.with_columns(gone, is_open=pl.lit(False)))) == 0


def test_texts_that_were_removed_before_they_were_scored_are_told_apart(found: Inputs) -> None:
    def unscored(found: Inputs) -> tuple[str, str]:
        return next((value, note) for name, value, note in data_quality.facts(found) if name == "Not yet scored")

    assert unscored(found)[1] == "by this model"
    emptied = found.data_quality.with_columns(n_unscored=pl.lit(0), n_removed=pl.lit(3))
    note = "by this model; 3 texts were removed with age before it read them"
    assert unscored(replace(found, data_quality=emptied)) == ("0", note)


def test_the_page_of_the_model_counts_no_rules(found: Inputs) -> None:
    lead = next(one.lead for one in site.pages(found) if one.file == "model.html")
    assert "on the rules that raise alerts" in lead, "there are four, or six where numbers are read"


@pytest.mark.slow
def test_the_index_shows_cohorts_alerts_quality_and_score_card(found: Inputs) -> None:
    shown = rendered(found, "index.html", "model.html")
    words = said(shown["index.html"])
    assert "Cohort Subjects, 7 days Texts, 7 days High risk, 7 days 95% interval Change north 20" in words
    assert (
        "16 people to look at: 3 alerted this week, 5 still high, 8 easing. Nobody has looked at any of them. "
        "Nobody fell silent this week." in words
    )
    assert "yellow: look at it (run of 5 May 2026) 7.5% of the rows were rejected &lt;b&gt;bold&lt;/b&gt;" in words
    for section, after in pairwise(("Quality of the newest input", "Who first", "Cohorts", "High risk, day by day")):
        assert words.index(section) < words.index(after), "red is first, then people, then groups"
    words = said(shown["model.html"])
    assert "this model, fine-tuned 0.936 (0.926–0.946) 0.908" in words
    assert "its base, few-shot (2 a label) 0.529 (0.519–0.539) 0.414 (0.404–0.424) – – –" in words
    assert "0.498" not in words  # an answer that is written out and parsed scores nothing here
    assert "always the commonest class 0.348 (0.338–0.358) 0.086 (0.076–0.096) 0.210 (0.200–0.220) undefined" in words
    words = said(shown["index.html"])
    assert "2 days without a scored text" in words
    assert "Days without scores 2 the last: 11 Mar 2026" in words


@pytest.mark.slow
def test_every_page_says_what_it_rests_on(subject_pages: dict[str, str]) -> None:
    for file, html in subject_pages.items():
        words = said(html)
        for part in (
            NOT_A_DIAGNOSIS,
            "As of 4 May 2026 (UTC)",
            "model_id model-a",
            "scored texts of 40 subjects",
        ):
            assert part in words, (file, part)
        assert "0 rejected rows" in words


@pytest.mark.slow
def test_of_many_alerts_the_newest_are_drawn_and_all_are_counted(
    found: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "MOST_BARS", found.alerts.height)
    counted = subjects.alert_bars(found).summary
    assert counted.startswith(f"{found.alerts.height} alerts of ")
    monkeypatch.setattr(subjects, "MOST_BARS", 3)
    assert subjects.alert_bars(found).summary == counted + " The newest 3 are shown."


@pytest.mark.slow
def test_every_link_leads_to_a_page_or_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database(tmp_path / "risk.duckdb").writing() as other:
        full_report.fill(other, subjects=24, south="../../etc/<script>")
    out = tmp_path / "out"
    write_report(Database(tmp_path / "risk.duckdb"), out, options=Options(subject_pages=True, evidence=True, top=5))
    files = sorted(out.rglob("*.html"))
    assert len(files) == 4 + 2 + 1 + 24
    assert {file.name for file in out.glob("cohort*")} == {
        f"cohort-{number}.{suffix}" for number in (1, 2) for suffix in ("html", "png", "svg")
    }
    for file in files:
        assert file.stat().st_size < 2_000_000
        for target in re.findall(r'href="([^"#]+)[^"]*"', file.read_text(encoding="utf-8").split("<script")[0]):
            assert (file.parent / target).is_file(), (file.name, target)
    monkeypatch.setattr(pictures, "write", lambda *_, **__: [])  # they were drawn above
    write_report(Database(tmp_path / "risk.duckdb"), out)
    assert not list(out.rglob("subjects*/*"))
    assert not (out / "subjects.html").exists()


@pytest.mark.slow
def test_ids_and_texts_are_on_no_page_unless_asked_for(
    con: duckdb.DuckDBPyConnection, subject_pages: dict[str, str]
) -> None:
    for html in subject_pages.values():
        assert "demo-" not in html
        assert "text of doc" not in html
    assert "demo-" in pages(con, "alerts.html", show_subjects=True)["alerts.html"]
    shown = pages(con, "index.html", "alerts.html", "people.html", FIRST, evidence=True, subject_pages=True)
    shows_texts = {file: "text of doc" in html for file, html in shown.items()}
    assert shows_texts == {"index.html": False, "people.html": True, "alerts.html": True, FIRST: True}


def test_alerts_tell_rule_window_value_and_threshold(found: Inputs) -> None:
    figures = {figure.key: figure for figure in next(p for p in site.pages(found) if p.file == "alerts.html").figures}
    first = found.alerts.row(0, named=True)
    row = figures["open_alerts"].table.rows[0]
    assert row[:5] == (
        found.codes[first["subject_id"]],
        first["rule"],
        str(first["opened_on"]),
        f"{first['evidence_from']} – {first['evidence_to']}",
        str(first["n"]),
    )
    assert row[7:] == ("open", first["alert_id"][:8])
    waiting = found.alerts.filter(found.alerts["state"] != "closed").height
    assert len(figures["open_alerts"].table.rows) == waiting > 10
    levels = [row for row in figures["open_alerts"].table.rows if row[1] == "level"]
    assert all(re.fullmatch(r"\d+\.\d%", row[5]) and row[6] == "50.0%" for row in levels)


@pytest.mark.slow
def test_where_the_rules_have_not_looked_at_every_score_no_alert_is_not_said_to_be_none(
    con: duckdb.DuckDBPyConnection,
) -> None:
    with undone(con):
        con.execute("DELETE FROM alerts")
        assert "No alert is open on 4 May 2026." in said(pages(con, "alerts.html")["alerts.html"])
        con.execute("DELETE FROM alert_updates")
        shown = pages(con, "index.html", "people.html", "alerts.html", evidence=True)
    for file, places in {"index.html": 1, "people.html": 1, "alerts.html": 4}.items():
        assert said(shown[file]).count("The alert rules have not checked every score yet") == places
        assert not re.search("No (open )?alert (is|was|and)", said(shown[file]).replace("No alert was closed", ""))


@pytest.mark.slow
def test_among_few_subjects_rows_without_a_name_are_withheld(con: duckdb.DuckDBPyConnection) -> None:
    shown = pages(con, min_cohort=41, subject_pages=True, evidence=True)
    assert set(shown) == {"index.html", "people.html", "alerts.html", "subjects.html", "model.html"}
    for file, html in shown.items():
        told = "with fewer than 41 people, even a card without a name could be traced to a person" in said(html)
        assert told or file == "model.html"
        assert "text of doc" not in html
    codes = {code for (code,) in con.execute("SELECT code FROM codes").fetchall()}
    assert not [code for code in codes if code in "".join(said(html) for html in shown.values())]


@pytest.mark.slow
def test_among_few_subjects_the_alerts_page_does_not_tell_whether_there_is_any(
    con: duckdb.DuckDBPyConnection,
) -> None:
    with undone(con):
        alerts = pages(con, "alerts.html", min_cohort=41, evidence=True)
        con.execute("DELETE FROM alerts")
        assert pages(con, "alerts.html", min_cohort=41, evidence=True) == alerts


@pytest.mark.slow
def test_a_small_cohort_has_no_page_and_takes_another_with_it(con: duckdb.DuckDBPyConnection) -> None:
    with undone(con):
        con.execute("UPDATE scores SET cohort = 'west' WHERE subject_id IN ('demo-01', 'demo-03')")
        shown = pages(con)
        assert set(shown) == {"index.html", "people.html", "cohort-1.html", "alerts.html", "model.html"}
        assert "1 of 3 cohorts are shown" in said(shown["index.html"])
        assert "<h1>south</h1>" in shown["cohort-1.html"]  # north is smaller, and would give west away
        assert "west" not in said(shown["index.html"]).split()
        con.execute("UPDATE scores SET cohort = 'west' WHERE cohort = 'south' AND subject_id < 'demo-30'")
        con.execute("UPDATE scores SET cohort = 'east' WHERE cohort = 'south'")
        assert {one.file for one in site.pages(inputs(con, min_cohort=20))} == {
            "index.html",
            "people.html",
            "alerts.html",
            "model.html",
        }


@pytest.mark.slow
def test_a_cohort_is_not_everyone() -> None:
    with fake_feed.database() as con:
        fake_feed.add_courses(con, subjects=12, days=20)
        found = inputs(con)
    assert found.cohorts == []
    assert "Cohorts" not in said(rendered(found, "index.html")["index.html"])


def sentences() -> set[str]:
    """All that the reports' code passes to `words`, word for word."""
    found: set[str] = set()
    for template in (RISK / "page.html", RISK / "cards.html", STYLE / "shell.html"):
        found |= set(re.findall(r'words\("((?:[^"\\])*)"', template.read_text(encoding="utf-8")))
    for file in (*RISK.glob("*.py"), *STYLE.glob("*.py"), Path(report_inputs.__file__)):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
                if name == "words":
                    found |= {text for text in texts[:1] if isinstance(text, str)}
                elif name == "count" and isinstance(node.func, ast.Attribute) and len(node.args) == 2:
                    found |= {f"{{n}} {text}" for text in texts if isinstance(text, str)}
    return found


NAMES = {
    *(NOT_A_DIAGNOSIS, "{n} points", *EMOTIONS, *WEEKDAYS, *chart_data.LEVELS),
    *data_quality.METHODS.values(),
    *data_quality.METRICS.values(),
    *[
        "crisis",
        "level",
        "change",
        "sustained",
        "measures",
        "fusion",
        "open",
        "acknowledged",
        "closed",
        "silent",
        "withdrawn",
        "green",
        "yellow",
        "red",
    ],
    *("red", "calm again", "as usual", "look at it", "do not rely on it"),
    *["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    *(
        "Evidence",
        "Alert",
        "Posted",
        "P(high risk)",
        "Text",
        "Cohort",
        "Change",
        "Band from",
        "Band to",
        "95% interval",
        "Phrase of the list",
        "Passage",
        "Signs in the last 14 days",
        "Sign",
        "Texts that showed it",
        "People who showed it",
        "People who wrote",
    ),
    *signs.SIGNS.values(),
    *(*cards.TITLES.values(), *cards.RULES.values(), *cards.OUTCOMES.values()),
    *("sadness score", "high-risk score", "Judged", "Right"),
    *("{day} {month} {year}", "{weekday} {date}"),
}


@pytest.mark.parametrize("lang", [lang for lang in LANGUAGES if lang != "en"])
def test_a_language_is_complete_and_has_nothing_left_over(lang: str) -> None:
    known = json.loads((STYLE / f"{lang}.json").read_text(encoding="utf-8"))
    assert sentences() | NAMES == set(known)
    for sentence, translated in known.items():
        fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (sentence, translated)]
        assert fields[0] == fields[1], sentence
        assert translated.strip() or sentence == ", "


@pytest.mark.slow
def test_a_page_in_chinese_has_no_english_sentence_left(con: duckdb.DuckDBPyConnection) -> None:
    english = {sentence for sentence in sentences() if len(sentence) > 25 and "{" not in sentence}
    found = inputs(con, lang="zh-TW", subject_pages=True, evidence=True)
    files = [one.file for one in site.pages(found)]
    persons = [file for file in files if file.startswith("subjects/")]
    shown = rendered(found, *(set(files) - set(persons)), *persons[::4])
    for file, html in shown.items():
        assert '<html lang="zh-TW">' in html
        assert "並非診斷" in html
        assert not [sentence for sentence in english if sentence in html], file
    assert "截至 2026年5月4日 的一週" in said(shown["index.html"])
    spec = shown["index.html"].split('id="specs">')[1]
    assert all(json.dumps(word)[1:-1] in spec for word in ("悲傷", "週一", "單日", "平均高風險機率"))


def test_english_and_chinese_write_numbers_and_dates_their_own_way() -> None:
    en, zh = Words(), Words("zh-TW")
    assert (en.count(1, "text"), en.count(1234, "text")) == ("1 text", "1,234 texts")
    assert zh.count(1234, "text") == "1,234 則貼文"
    assert en.weekday(fake_feed.START) == "Mon 5 Jan 2026"
    assert zh.weekday(fake_feed.START) == "2026年1月5日（週一）"
    assert (en.points(-0.021), zh.points(0.021)) == ("−2.1 points", "+2.1 個百分點")
    assert (en.join("A.", "", "B."), zh.join("甲。", "乙。")) == ("A. B.", "甲。乙。")


@pytest.mark.slow
def test_a_png_is_not_written_in_letters_that_no_font_has(
    found: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pictures.can_write("abc")
    assert not pictures.can_write("\U000e0100\U000e0101")  # letters that no font draws
    monkeypatch.setattr(pictures, "can_write", lambda text: False)
    monkeypatch.setattr(pictures, "INDEX", {"risk_trend": ("risk_trend",)})
    assert pictures.write(next(site.pages(found)), found, tmp_path) == ["risk_trend.svg"]
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.slow
def test_links_are_made_of_numbers_and_codes_never_of_names(con: duckdb.DuckDBPyConnection) -> None:
    found = inputs(con, show_subjects=True, subject_pages=True)
    links = [
        cell
        for one in site.pages(found)
        for figure in one.figures
        if figure.table
        for row in figure.table.rows
        for cell in row
        if isinstance(cell, Link)
    ]
    assert links
    assert all(re.fullmatch(r"(cohort-\d+|subjects/[A-Z][a-z]+\d)\.html", link.href) for link in links)

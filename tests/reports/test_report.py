"""The report job: what a page says with much, little and no data, for which model, and what it refuses."""

import datetime as dt
import html
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from jobs.cli import build_app
from jobs.pipeline.report_inputs import collect_inputs
from jobs.pipeline.write_report import report_files, write_report
from monitor import NOT_A_DIAGNOSIS
from monitor.database.connection import Database
from monitor.errors import ConfigError, StoreError
from reports.risk import html as page
from reports.risk import pages, pictures
from reports.risk.inputs import Notice, Options
from reports.style import axes, offline
from reports.style.rendering import NO_ROOM
from reports.style.wording import Words
from tests.support import fake_feed

pytestmark = pytest.mark.slow

DAY = "2026-01-05"
LIST = ".risk-monitor-report"
PICTURES = {f"risk_{name}.{suffix}" for name in ("trend", "heatmap", "comprehensive") for suffix in ("png", "svg")}
Fill = Callable[[duckdb.DuckDBPyConnection], None]


@pytest.fixture
def one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports whose index has one picture: the other two take most of the time."""
    monkeypatch.setattr(pictures, "INDEX", {"risk_trend": ("risk_trend",)})


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Fill], Path]:
    def database(fill: Fill) -> Path:
        with Database(tmp_path / "risk.duckdb").writing() as con:
            fill(con)
        return tmp_path / "risk.duckdb"

    return database


def cohort(subjects: int, days: int, p_high: float = 0.3) -> Fill:
    """Subjects who all write once a day, at noon."""
    first = dt.datetime.fromisoformat(f"{DAY} 12:00")
    texts = [
        (f"s{who}", str(first + dt.timedelta(days=day)), p_high) for who in range(subjects) for day in range(days)
    ]
    return lambda con: fake_feed.add(con, texts)


def said(html: str | Path) -> str:
    """The words of a page, as a reader sees them."""
    text = html.read_text(encoding="utf-8") if isinstance(html, Path) else html
    body = re.sub(r"<script.*?</script>|<style.*?</style>", "", text[text.index("<body>") :], flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def rendered(db: Path, as_of: dt.date | None = None, model: str | None = None, **options: object) -> str:
    """The index alone, without the seconds that pictures take."""
    with Database(db).reading() as con:
        inputs = collect_inputs(con, as_of, model, Options(**options))
    first = pages.notice(inputs) if isinstance(inputs, Notice) else next(pages.pages(inputs))
    return page.render(first, Words(Options(**options).lang))


@pytest.mark.parametrize("more", [None, "show_subjects", "subject_pages", "evidence"])
def test_a_report_of_more_than_people_by_codes_is_for_its_owner_alone(
    make: Callable[[Fill], Path], tmp_path: Path, more: str | None
) -> None:
    db, before = make(lambda _: None), os.umask(0o022)
    try:
        path = write_report(Database(db), tmp_path / "out", options=Options(**({more: True} if more else {})))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == (0o600 if more else 0o644)


PAGES = {"index.html", "people.html", "alerts.html", "model.html", LIST}


@pytest.mark.slow
def test_a_report_is_pages_and_their_pictures(make: Callable[[Fill], Path], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    for name in ("index.html", "risk_trend.png"):  # of a report that everybody may read
        report_files(out).claim(out / name)
        (out / name).touch(0o644)
    path = write_report(Database(make(fake_feed.add_courses)), out, options=Options(show_subjects=True))
    assert path == out / "index.html"
    assert {file.stat().st_mode & 0o777 for file in out.iterdir()} == {0o600}
    assert {file.name for file in out.iterdir()} == PICTURES | PAGES
    assert (out / "risk_trend.png").read_bytes().startswith(b"\x89PNG")
    for picture in out.glob("*.svg"):
        assert NOT_A_DIAGNOSIS in html.unescape(picture.read_text())
        assert 'opacity="0"' not in picture.read_text(), "what only a pointer would show"
    assert "High risk, day by day" in (out / "risk_trend.svg").read_text()
    words = said(path)
    for fact in (
        "As of 4 May 2026 (UTC)",
        "model_id model-a",
        "4,965 scored texts of 30 subjects",
        "Not a diagnosis",
    ):
        assert fact in words
    assert re.search(
        r"2\d\.\d% of texts were labelled high risk in the 7 days to 4 May 2026, up \d\.\d points", words
    )


@pytest.mark.parametrize(
    ("fill", "options", "told"),
    [
        (lambda con: None, {}, "No texts yet"),
        (
            lambda con: fake_feed.insert(con, ["a"], [dt.datetime(2026, 1, 5)], [], model=None),
            {},
            "Nothing scored yet 1 text on record, none of them scored",
        ),
        (
            cohort(1, 1),
            {},
            "The numbers for the 7 days to 5 Jan 2026 are withheld because they would reveal something about "
            "fewer than 11 subjects",
        ),
        (cohort(1, 1), {"min_cohort": 1}, "Not drawn: this chart needs at least 2 days, or 2 full weeks"),
        (
            cohort(1, 1),
            {},
            "with fewer than 11 people, even a card without a name could be traced to a person",
        ),
        (cohort(11, 3), {}, "Not drawn: this chart needs at least 2 full 7-day windows"),
        (cohort(11, 20), {}, "unchanged from the 7 days before"),
        (lambda con: fake_feed.add(con, [("a", "2999-01-05 08:00", 0.5)]), {}, "none posted up to"),
        (
            lambda con: fake_feed.add(
                con, [(f"s{n // 9}", f"2026-01-{5 + n % 9:02d} 00:00", 0.5) for n in range(99)]
            ),
            {},
            "every text is dated to hour 0 of its day",
        ),
        (cohort(11, 1), {}, "Not drawn: this chart needs at least 2 hours with texts, and there is less"),
    ],
)
def test_a_page_with_little_data_says_so(make: Callable[[Fill], Path], fill: Fill, options: dict, told: str) -> None:
    html = rendered(make(fill), **options)
    words = said(html)
    assert told in words
    assert "None" not in words
    assert "nan" not in words.split()
    drawn = re.findall(r'class="chart" id="(\w+)"', html)
    assert all(f'"{name}":' in html for name in drawn)
    hidden = 'aria-labelledby="people-title"' in html and "even a card without a name" in words
    said_nothing = html.count('class="nothing">') - html.count("<noscript>") - hidden
    assert len(drawn) + said_nothing in (0, 6)


def test_a_withheld_number_is_nowhere_in_the_files(make: Callable[[Fill], Path], tmp_path: Path) -> None:
    write_report(Database(make(cohort(10, 40, 0.4321))), tmp_path / "out")
    found = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir() if file.suffix != ".png")
    assert b"43.2" not in found
    assert b"0.432" not in found
    assert "43.2%" in said(rendered(tmp_path / "risk.duckdb", min_cohort=10))


@pytest.mark.slow
@pytest.mark.usefixtures("one_picture")
def test_a_day_without_texts_is_no_error_and_old_pictures_do_not_stay(
    make: Callable[[Fill], Path], tmp_path: Path
) -> None:
    db, out = make(cohort(12, 10)), tmp_path / "out"
    write_report(Database(db), out)
    assert (out / "risk_trend.png").exists()
    assert "ask for a later --as-of" in said(write_report(Database(db), out, dt.date(2025, 12, 31)))
    assert {file.name for file in out.iterdir()} == {"index.html", LIST}
    write_report(Database(db), out)
    silent = said(write_report(Database(db), out, dt.date(2030, 1, 1)))
    assert "No texts were scored for the 7 days to 1 Jan 2030" in silent
    assert "hour 0" not in silent, "nothing is known of the hours of texts that there are not"
    assert {file.name for file in out.iterdir()} == PAGES


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        (
            dt.date(1900, 1, 1),
            "none posted up to 1 Jan 1900. The first was posted on 5 Jan 2026, the last on 6 Jan 2026",
        ),
        (
            dt.date(2999, 1, 1),
            "--as-of 2999-01-01: the last text was posted on 2026-01-06, 355,376 days before; --as-of",
        ),
        (dt.date(2026, 2, 3), "the last text was posted on 2026-01-06, 28 days before"),
        (dt.date(2026, 1, 9), ""),
        (dt.date(2026, 1, 5), ""),
        (None, ""),
    ],
)
@pytest.mark.usefixtures("without_pictures")
def test_a_day_far_from_all_texts_is_told_in_one_line(
    make: Callable[[Fill], Path], tmp_path: Path, capfd: pytest.CaptureFixture[str], as_of: dt.date | None, told: str
) -> None:
    write_report(Database(make(cohort(12, 2))), tmp_path / "out", as_of, options=Options(lang="zh-TW"))
    lines = [line for line in capfd.readouterr().err.splitlines() if "posted" in line]
    assert told in "".join(lines)
    assert len(lines) == bool(told)


def test_files_of_others_in_the_folder_stay(make: Callable[[Fill], Path], tmp_path: Path) -> None:
    db, out = Database(make(cohort(12, 2))), tmp_path / "out"
    (out / "subjects").mkdir(parents=True)
    theirs = [out / name for name in ("cohort-study.html", "subjects/me.html", "risk_notes.png")]
    for path in theirs:
        path.write_text("theirs")
    write_report(db, out, dt.date(2025, 12, 31))
    (out / LIST).unlink()  # as a version without lists left it
    write_report(db, out, dt.date(2025, 12, 31))
    assert {path.read_text() for path in theirs} == {"theirs"}
    (out / "index.html").write_text("<p>a page of a site</p>")
    (out / LIST).unlink()
    with pytest.raises(ConfigError, match=r"index\.html: risk-monitor did not write this file"):
        write_report(db, out, dt.date(2025, 12, 31))
    assert (out / "index.html").read_text() == "<p>a page of a site</p>"


def test_as_of_leaves_out_what_came_later_and_counts_it(make: Callable[[Fill], Path]) -> None:
    words = said(rendered(make(cohort(12, 10)), dt.date(2026, 1, 7)))
    assert "Week to 7 Jan 2026" in words
    assert "Scored 36 100.0% of texts" in words
    assert "Posted later 84" in words


def two_models(con: duckdb.DuckDBPyConnection) -> None:
    cohort(12, 3)(con)
    fake_feed.add(con, [(f"s{n}", f"{DAY} 12:00", 0.9) for n in range(12)], model="model-b")
    con.execute("UPDATE scores SET scored_at = scored_at + INTERVAL 1 DAY WHERE model_id = 'model-b'")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (None, "model_id model-b"),
        ("model-a", "model_id model-a"),
        ("emotion-model-a", "model_id model-a"),
        ("model-b", "also in this database: emotion-model-a (model-a)"),
    ],
)
def test_the_model_that_scored_last_is_reported_unless_one_is_named(
    make: Callable[[Fill], Path], model: str | None, told: str
) -> None:
    assert told in said(rendered(make(two_models), model=model))


@pytest.mark.parametrize(
    ("model", "told"),
    [("gpt", "no such model; it has model-b (emotion-model-b), model-a"), ("model", "several models fit")],
)
def test_an_unknown_model_is_named_with_those_there_are(
    make: Callable[[Fill], Path], tmp_path: Path, model: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        write_report(Database(make(two_models)), tmp_path / "out", model=model)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"threshold": 1.2}, "threshold 1.2 is no probability"),
        ({"threshold": float("nan")}, "no probability"),
        ({"min_cohort": 0}, "--min-cohort is 0"),
        ({"days": -3}, "--days is -3"),
        ({"top": 500}, "500 subjects over 366 days are 27,000 cells"),
        ({"days": 9_000, "top": 1}, "a chart holds 5,000"),
        ({"lang": "fr"}, "--lang fr: no such language here; there are en, zh-TW"),
    ],
)
def test_options_out_of_range_are_refused_with_a_remedy(options: dict, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        Options(**options)


@pytest.mark.usefixtures("one_picture")
def test_where_no_picture_can_be_drawn_the_pages_are_written_and_the_old_pictures_go(
    make: Callable[[Fill], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db, out = Database(make(cohort(12, 2))), tmp_path / "out"
    write_report(db, out)
    assert list(out.glob("*.png"))
    for module in ("reports.style.rendering", "jobs.pipeline.write_report"):
        monkeypatch.setattr(f"{module}.can_draw", lambda: False)
    page = write_report(db, out)
    assert sorted({path.suffix for path in out.iterdir() if not path.name.startswith(".")}) == [".html"]
    assert ".png" not in page.read_text("utf-8")
    told = " ".join(capsys.readouterr().err.split())
    assert f"{out}: the pages are written, but {NO_ROOM}" in told


def test_a_missing_database_and_an_unwritable_folder_are_told(make: Callable[[Fill], Path], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such database"):
        write_report(Database(tmp_path / "no.duckdb"), tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write there"):
        write_report(Database(make(cohort(1, 1))), tmp_path / "file")


@pytest.mark.usefixtures("without_pictures")
def test_the_command_prints_the_path_of_the_page(make: Callable[[Fill], Path], tmp_path: Path) -> None:
    arguments = [
        "report",
        "--db",
        str(make(cohort(12, 2))),
        "--out",
        str(tmp_path / "out"),
        "--as-of",
        "2026-01-06",
    ]
    done = CliRunner().invoke(build_app(arguments), arguments)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [str(tmp_path / "out" / "index.html"), NOT_A_DIAGNOSIS]
    assert "Week to 6 Jan 2026" in said(tmp_path / "out" / "index.html")


def test_json_in_the_page_cannot_end_its_script_element() -> None:
    hostile = {"id": "</script><script>alert(1)</script><!--", "and": "a & b"}
    text = str(offline.script_json(hostile))
    assert not set("<>&") & set(text)
    assert json.loads(text) == hostile


def test_the_policy_allows_no_eval_no_network_and_no_inline_script_but_its_own(
    make: Callable[[Fill], Path],
) -> None:
    html = rendered(make(cohort(12, 2)))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html).group(1)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<(link|img|iframe|object|embed|base|form)\b", html[: html.index("<script")])
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', html)


@pytest.mark.slow
def test_the_stored_chart_script_is_what_bundling_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    made = offline.bundle_chart_script()
    offline.chart_script.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(offline, "bundle_chart_script", lambda: "it was bundled; renew the script in reports/assets")
        assert offline.chart_script() == made
    offline.chart_script.cache_clear()
    monkeypatch.setattr(axes, "VEGA_LITE", "6.1")  # such as another Altair writes for
    assert len(offline.chart_script()) > 500_000
    assert offline.chart_script() != made
    offline.chart_script.cache_clear()

"""The pages in a real browser, with names and texts by an attacker: shown as text, deaf to what they say."""

import dataclasses
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser

from jobs.pipeline.write_report import write_report
from monitor.database.connection import Database
from reports.risk import html, pages
from reports.risk.inputs import Inputs, Notice, Options
from reports.style.wording import Words
from tests.support import fake_feed, full_report
from tests.support.full_report import CHARTS
from tests.support.opened_page import MARKS, opened

pytestmark = pytest.mark.browser
NAMED = ("model_id", "name", "base", "quantisation")
ATTACKS = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    '"><svg onload=window.hacked=1>',
    '<a href="javascript:window.hacked=1">x</a>',
    "{{ 7 * 7 }}${7*7}<!--<script>",
    "'); window.hacked = 1; ('",
    "\u202egnp.exe\x00\u2028",
)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return full_report.inputs()


@pytest.fixture(scope="module")
def hostile(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose subjects, texts, cohorts, findings, model and base are named by an attacker."""
    ids = inputs.subject_week["subject_id"].unique(maintain_order=True).to_list()
    names = dict(zip(ids, ATTACKS, strict=False))

    def renamed(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("subject_id").replace(names))

    changed = dataclasses.replace(
        inputs,
        model=dataclasses.replace(inputs.model, **dict(zip(NAMED, ATTACKS, strict=False)), others=ATTACKS),
        cohorts=[
            dataclasses.replace(series, cohort=attack)
            for series, attack in zip(inputs.cohorts, ATTACKS, strict=False)
        ],
        places={names.get(subject, subject): place for subject, place in inputs.places.items()},
        people=renamed(inputs.people),
        subject_week=renamed(inputs.subject_week),
        subject_day=renamed(inputs.subject_day),
        subject_7=renamed(inputs.subject_7),
        alerts=renamed(inputs.alerts),
        evidence=inputs.evidence.with_columns(text=pl.lit(" ".join(ATTACKS))),
        run={**inputs.run, "findings": pl.Series([list(ATTACKS)]).to_frame("x").write_json()[6:-2]},
        score_card=inputs.score_card.with_columns(data=pl.lit(ATTACKS[1]), method=pl.lit(ATTACKS[2])),
    )
    return full_report.write(changed, tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("file", CHARTS)
def test_hostile_names_are_shown_as_text_and_nothing_runs(browser: Browser, hostile: Path, file: str) -> None:
    seen = opened(browser, hostile / file)
    for chart in CHARTS[file]:
        marks = seen.page.locator(f"#{chart} .role-mark {MARKS}")
        for place in range(0, min(marks.count(), 40), 8):
            marks.nth(place).hover(force=True)
    assert seen.page.evaluate("window.hacked") is None
    assert seen.is_silent_and_offline(), (seen.messages, seen.requests)
    seen.page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    shown = " ".join(seen.page.locator("body").inner_text().split())
    assert sum(" ".join(attack.split()) in shown for attack in ATTACKS) >= 2
    assert seen.count("script") == (3 if CHARTS[file] else 2 if file == "people.html" else 0)
    assert seen.count("img") == 0


def test_a_script_that_got_in_all_the_same_is_refused(browser: Browser, hostile: Path) -> None:
    seen = opened(browser, hostile / "index.html")
    seen.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hacked = 1'>");
            return fetch("https://example.org/").catch(() => "refused");
        }"""
    )
    assert seen.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in line for line in seen.messages)
    assert all(url.startswith("file:") for url in seen.requests)


@pytest.mark.usefixtures("without_pictures")
def test_pages_with_nothing_or_little_to_draw_are_silent_too(browser: Browser, tmp_path: Path) -> None:
    notice = html.save(pages.notice(Notice(ATTACKS[0], ATTACKS[1], ATTACKS[2])), Words(), tmp_path)
    seen = opened(browser, notice)
    assert seen.is_silent_and_offline(), seen.messages
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("h1").inner_text() == ATTACKS[0]
    with Database(tmp_path / "one.duckdb").writing() as con:
        fake_feed.add(con, [("a", "2026-01-05 08:00", 0.8)])
    for number, options in enumerate((Options(), Options(min_cohort=1, show_subjects=True, subject_pages=True))):
        index = write_report(Database(tmp_path / "one.duckdb"), tmp_path / str(number), options=options)
        for file in index.parent.rglob("*.html"):  # model.html is the same in both
            if number and file.name == "model.html":
                continue
            seen = opened(browser, file, 400)
            assert seen.is_silent_and_offline(), seen.messages
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400
            for svg in seen.page.locator(".chart svg").all():
                assert svg.locator(".role-mark path").count() > 0

"""The page in a real browser: drawn, silent, offline, readable at any width, and deaf to hostile input."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from jobs.collect import collect
from jobs.report import write_report
from monitor.database import writing
from reports import page as pages
from reports.figures import all_figures
from reports.inputs import Inputs, Model, Notice, Options
from tests import fake_feed

pytestmark = pytest.mark.browser
CHARTS = ("risk_trend", "risk_levels", "emotion_mix", "subject_week", "weekday_hour")
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
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    with fake_feed.database() as con:
        fake_feed.add_courses(con)
        found = collect(con, None, None, Options(show_subjects=True))
    assert isinstance(found, Inputs)
    return found


@pytest.fixture(scope="module")
def report(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pages.save(pages.render(inputs, all_figures(inputs)), tmp_path_factory.mktemp("report"))


class Seen:
    """A page that was opened, with everything it said and asked for."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.said, self.asked = page, list[str](), list[str]()
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        expect(page.locator(".chart:not([data-drawn])")).to_have_count(0, timeout=30_000)
        self.url = path.as_uri()

    def is_silent_and_offline(self) -> bool:
        return self.said == [] and self.asked == [self.url]

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()


def opened(browser: Browser, path: Path, width: int = 1400, **context: object) -> Seen:
    place = browser.new_context(viewport={"width": width, "height": 900}, **context)
    return Seen(place.new_page(), path)


def test_every_mark_is_drawn_without_a_word_or_a_request(
    browser: Browser, report: Path, inputs: Inputs
) -> None:
    seen = opened(browser, report)
    assert seen.is_silent_and_offline(), (seen.said, seen.asked)
    assert seen.count(".chart[data-drawn]") == len(CHARTS)
    assert seen.count("#risk_trend .mark-symbol.role-mark path") == inputs.daily.height
    assert seen.count("#risk_trend .mark-line.role-mark path") == 2
    assert seen.count("#risk_levels .mark-area.role-mark path") == 3
    assert seen.count("#emotion_mix .mark-rect.role-mark path") == inputs.emotion_mix.height
    assert seen.count("#subject_week .mark-rect.role-mark path") == inputs.subject_week.height
    assert seen.count("#weekday_hour .mark-rect.role-mark path") == inputs.weekday_hour.height
    boxes = seen.page.locator("#subject_week .mark-rect.role-mark path").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect()).filter(box => box.width < 5 || box.height < 5)"
    )
    assert boxes == []


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Taipei"])
def test_dates_do_not_move_with_the_readers_time_zone(browser: Browser, report: Path, zone: str) -> None:
    seen = opened(browser, report, timezone_id=zone)
    for chart in ("risk_trend", "subject_week"):
        labels = seen.page.locator(f"#{chart} .role-axis-label text").all_text_contents()
        assert any(label.startswith("5 Jan") for label in labels), labels
    left = seen.page.locator("#risk_trend .mark-symbol.role-mark path").first.bounding_box()
    axis = seen.page.locator("#risk_trend .role-axis-tick line").first.bounding_box()
    assert left["x"] + left["width"] / 2 == pytest.approx(axis["x"], abs=1.5)


@pytest.mark.parametrize("width", [400, 768, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_never_scrolls_sideways(browser: Browser, report: Path, width: int, scheme: str) -> None:
    seen = opened(browser, report, width, color_scheme=scheme)
    assert seen.is_silent_and_offline(), seen.said
    seen.page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in CHARTS:
        box = seen.page.locator(f"#{chart} svg").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] > 0.7 * min(width, 400)


def colours(seen: Seen) -> dict[str, str]:
    css = "(element, name) => getComputedStyle(element)[name]"
    return {
        "page": seen.page.locator("body").evaluate(css, "backgroundColor"),
        "text": seen.page.locator("#risk_trend .role-axis-label text").first.evaluate(css, "fill"),
        "line": seen.page.locator("#risk_trend .mark-line.role-mark path").last.evaluate(css, "stroke"),
        "cell": seen.page.locator("#subject_week .mark-rect.role-mark path").first.evaluate(css, "fill"),
    }


def test_charts_follow_dark_mode_while_the_page_is_open_and_print_is_always_light(
    browser: Browser, report: Path
) -> None:
    seen = opened(browser, report, color_scheme="light")
    light = colours(seen)
    assert light["page"] == "rgb(251, 249, 245)"
    seen.page.emulate_media(color_scheme="dark")
    dark = colours(seen)
    assert dark["page"] == "rgb(21, 24, 27)"
    assert all(dark[part] != light[part] for part in light)
    seen.page.emulate_media(color_scheme="dark", media="print")
    assert colours(seen) == light
    assert seen.said == []


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("#subject_week .mark-rect.role-mark path >> nth=40", ("Mean P(high risk)", "Subject", "demo-")),
        ("#emotion_mix .mark-rect.role-mark path >> nth=7", ("Mean probability", "Emotion")),
        ("#weekday_hour .mark-rect.role-mark path >> nth=150", ("UTC", "Subjects")),
        ("#risk_trend .mark-symbol.role-mark path >> nth=60", ("7-day mean", "Texts that day")),
        ("#risk_levels .mark-area.role-mark path >> nth=0", ("P(high risk)", "Texts in the 7 days")),
    ],
)
def test_tooltips_tell_the_numbers(browser: Browser, report: Path, mark: str, told: tuple[str, ...]) -> None:
    seen = opened(browser, report)
    seen.page.locator(mark).scroll_into_view_if_needed()
    box = seen.page.locator(mark).bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tooltip = seen.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for(state="visible", timeout=5_000)
    words = tooltip.inner_text()
    assert all(part in words for part in told), words
    assert seen.said == []


@pytest.fixture
def hostile(inputs: Inputs, tmp_path: Path) -> Path:
    """A report whose subjects, model and base are named by an attacker."""
    ids = inputs.subject_week["subject_id"].unique(maintain_order=True).to_list()
    names = dict(zip(ids, ATTACKS, strict=False))
    evil = Model(ATTACKS[0], ATTACKS[1], ATTACKS[2], ATTACKS[3], inputs.model.rules, others=ATTACKS)
    heat = inputs.subject_week.with_columns(pl.col("subject_id").replace(names))
    changed = dataclasses.replace(inputs, model=evil, subject_week=heat)
    return pages.save(pages.render(changed, all_figures(changed), [ATTACKS[0]]), tmp_path)


def test_hostile_names_are_shown_as_text_and_nothing_runs(browser: Browser, hostile: Path) -> None:
    seen = opened(browser, hostile)
    for place in range(0, 40, 3):
        seen.page.locator("#subject_week .mark-rect.role-mark path").nth(place).hover()
    assert seen.page.evaluate("window.hacked") is None
    assert seen.is_silent_and_offline(), (seen.said, seen.asked)
    seen.page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    for attack in ATTACKS[:4]:
        assert seen.page.get_by_text(attack, exact=True).count() >= 1
    assert seen.count("script") == 3
    assert seen.count("img") == 0


def test_a_script_that_got_in_all_the_same_is_refused(browser: Browser, report: Path) -> None:
    seen = opened(browser, report)
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
    assert any("Content Security Policy" in line for line in seen.said)
    assert all(url.startswith("file:") for url in seen.asked)


def test_headings_labels_and_the_skip_link_lead_through_the_page(browser: Browser, report: Path) -> None:
    seen = opened(browser, report)
    assert seen.count("h1") == 1
    assert seen.count("main") == 1
    assert seen.page.locator("html").get_attribute("lang") == "en"
    for chart in CHARTS:
        place = seen.page.locator(f"[role=img]:has(> #{chart})")
        assert place.get_attribute("aria-label").startswith("Chart: ")
        described = place.get_attribute("aria-describedby")
        assert len(seen.page.locator(f"#{described}").inner_text()) > 20
    assert seen.count("details table") == len(CHARTS)
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("location.hash") == "#main"


def test_the_tables_hold_what_the_charts_show(browser: Browser, report: Path, inputs: Inputs) -> None:
    seen = opened(browser, report)
    lines = seen.page.locator("section[aria-labelledby=subject_week-title] tbody tr")
    assert lines.count() == inputs.subject_week["subject_id"].n_unique()
    filled = seen.page.locator("section[aria-labelledby=subject_week-title] tbody td:not(:empty)")
    assert filled.count() == inputs.subject_week.height


def test_pages_with_nothing_or_little_to_draw_are_silent_too(browser: Browser, tmp_path: Path) -> None:
    notice = pages.save(pages.render_notice(Notice(ATTACKS[0], ATTACKS[1], ATTACKS[2])), tmp_path)
    seen = opened(browser, notice)
    assert seen.is_silent_and_offline(), seen.said
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("h1").inner_text() == ATTACKS[0]
    with writing(tmp_path / "one.duckdb") as con:
        fake_feed.add(con, [("a", "2026-01-05 08:00", 0.8)])
    for number, options in enumerate((Options(), Options(min_cohort=1, show_subjects=True))):
        seen = opened(
            browser, write_report(tmp_path / "one.duckdb", tmp_path / str(number), options=options), 400
        )
        assert seen.is_silent_and_offline(), seen.said
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400
        assert seen.count(".chart") + seen.count(".nothing") >= len(CHARTS)
        for svg in seen.page.locator(".chart svg").all():
            assert svg.locator(".role-mark path").count() > 0

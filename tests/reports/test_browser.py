"""The pages in a real browser: drawn, silent, offline, readable by anyone at any width, and deaf to hostile input."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from reports.risk.inputs import Inputs
from reports.risk.people_pages import PeopleList
from tests.support import full_report
from tests.support.full_report import CHARTS, FIRST
from tests.support.opened_page import MARKS, OpenedPage, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return full_report.inputs()


@pytest.fixture(scope="module")
def report(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return full_report.write(inputs, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def index(browser: Browser, report: Path) -> OpenedPage:
    """The index, opened once for the tests that change nothing in it."""
    return opened(browser, report / "index.html")


def test_every_mark_is_drawn(browser: Browser, index: OpenedPage, report: Path, inputs: Inputs) -> None:
    seen = index
    everyone = inputs.everyone
    assert seen.count("#risk_trend .mark-symbol.role-mark path") == everyone.daily.height == 118
    assert (
        seen.count("#risk_trend .mark-line.role-mark path") == 4
    )  # 7 days up to and from the gap, 28 days, forecast
    assert seen.count("#risk_trend .mark-area.role-mark path") == 3
    assert seen.count("#risk_trend .mark-rect.role-mark path") == 1  # two missing nights, one gap
    assert seen.count("#risk_levels .mark-area.role-mark path") == 6
    assert seen.count("#emotion_mix .mark-rect.role-mark path") == 6 * everyone.weeks.height
    assert seen.count("#subject_week .mark-rect.role-mark path") == inputs.subject_week.height
    assert seen.count("#weekday_hour .mark-rect.role-mark path") == inputs.weekday_hour.height
    boxes = seen.page.locator("#subject_week .mark-rect.role-mark path").evaluate_all(
        "cells => cells.map(cell => cell.getBoundingClientRect()).filter(box => box.width < 5 || box.height < 5)"
    )
    assert boxes == []
    alerts = opened(browser, report / "alerts.html")
    assert alerts.count("#alert_bars .mark-rect.role-mark path") == min(inputs.alerts.height, 60)


def test_legends_show_lines_for_lines_and_their_labels_do_not_touch(index: OpenedPage) -> None:
    symbols = index.page.locator("#risk_trend .role-legend-symbol path")
    dashes = symbols.evaluate_all("all => all.map(one => one.getAttribute('stroke-dasharray'))")
    assert dashes == ["3,4", "1,0", "2,2", "7,4"]
    for chart in ("subject_week", "weekday_hour"):
        boxes = index.page.locator(f"#{chart} .role-legend-label text").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(box => [box.left, box.right])"
        )
        assert len(boxes) > 3
        ends = sorted(boxes)
        assert all(right + 3 < left for (_, right), (left, _) in pairwise(ends))


# Rows, marks and labels beyond a dozen are made as the first dozen is, and axe takes a millisecond for each.
ONE_DOZEN = """all => all.forEach(one => [...one.children].slice(12).forEach(child => child.remove()))"""
ALIKE = "tbody, .role-mark:not(.mark-group), .role-axis-label, .role-axis-tick, .role-axis-grid"


@pytest.mark.parametrize("file", CHARTS)
def test_axe_finds_no_violation(browser: Browser, report: Path, file: str) -> None:
    place = browser.new_context(bypass_csp=True, color_scheme="light")  # axe itself is a script of the test
    seen = OpenedPage(place.new_page(), report / file)
    seen.page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    seen.page.locator(ALIKE).evaluate_all(ONE_DOZEN)
    for scheme in ("light", "dark"):
        seen.page.emulate_media(color_scheme=scheme)
        found = Axe().run(seen.page)
        assert found.violations_count == 0, (scheme, found.generate_report())


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Taipei"])
def test_dates_do_not_move_with_the_readers_time_zone(browser: Browser, report: Path, zone: str) -> None:
    seen = opened(browser, report / "index.html", timezone_id=zone)
    for chart in ("risk_trend", "subject_week"):
        labels = seen.page.locator(f"#{chart} .role-axis-label text").all_text_contents()
        assert any(label.startswith("5 Jan") for label in labels), labels
    left = seen.page.locator("#risk_trend .mark-symbol.role-mark path").first.bounding_box()
    axis = seen.page.locator("#risk_trend .role-axis-tick line").first.bounding_box()
    assert left["x"] + left["width"] / 2 == pytest.approx(axis["x"], abs=1.5)


@pytest.mark.parametrize("width", [400, 768, 1400])
@pytest.mark.parametrize("file", CHARTS)
def test_every_page_is_drawn_silent_offline_and_within_its_width(
    browser: Browser, report: Path, width: int, file: str
) -> None:
    seen = opened(browser, report / file, width)
    assert seen.is_silent_and_offline(), (seen.messages, seen.requests)
    assert seen.page.locator(".chart").evaluate_all("all => all.map(one => one.id)") == list(CHARTS[file])
    seen.page.locator("summary").evaluate_all("all => all.forEach(one => one.click())")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for chart in CHARTS[file]:
        assert seen.count(f"#{chart} .role-mark {MARKS}") > 1
        box = seen.page.locator(f"#{chart} svg").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] > 0.7 * min(width, 400)
        labels = seen.page.locator(f"#{chart} .role-legend-label text").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().right)"
        )
        assert all(right <= width for right in labels)


def colours(seen: OpenedPage) -> dict[str, str]:
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
    seen = opened(browser, report / "index.html", color_scheme="light")
    light = colours(seen)
    assert light["page"] == "rgb(251, 249, 245)"
    seen.page.emulate_media(color_scheme="dark")
    dark = colours(seen)
    assert dark["page"] == "rgb(21, 24, 27)"
    assert all(dark[part] != light[part] for part in light)
    seen.page.emulate_media(color_scheme="dark", media="print")
    assert colours(seen) == light
    assert not seen.page.locator("nav").is_visible()
    assert seen.messages == []


TOLD: dict[str, dict[str, tuple[str, ...]]] = {
    "index.html": {
        "#subject_week .mark-rect.role-mark path >> nth=40": ("Mean P(high risk)", "Subject", "demo-"),
        "#emotion_mix .mark-rect.role-mark path >> nth=7": ("Mean probability", "Emotion"),
        "#weekday_hour .mark-rect.role-mark path >> nth=150": ("UTC", "Subjects"),
        "#risk_trend .mark-symbol.role-mark path >> nth=60": ("High risk, 7 days", "Texts that day"),
        "#risk_levels .mark-area.role-mark path >> nth=0": ("P(high risk)", "Texts, 7 days"),
    },
    "cohort-1.html": {"#risk_trend .mark-symbol.role-mark path >> nth=9": ("High risk, 7 days", "at least")},
    "alerts.html": {"#alert_bars .mark-rect.role-mark path >> nth=3": ("Rule", "Opened", "Threshold")},
    FIRST: {"#course .mark-symbol.role-mark path >> nth=30": ("Mean of 7 days", "own past")},
}


@pytest.mark.parametrize("file", TOLD)
def test_tooltips_tell_the_numbers(browser: Browser, report: Path, file: str) -> None:
    seen = opened(browser, report / file)
    tooltip = seen.page.locator("#vg-tooltip-element.visible")
    for mark, told in TOLD[file].items():
        seen.page.locator(mark).scroll_into_view_if_needed()
        seen.page.mouse.move(1, 1)  # where no mark is
        expect(tooltip).to_have_count(0)
        box = seen.page.locator(mark).bounding_box()
        seen.page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
        seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        tooltip.wait_for(state="visible", timeout=5_000)
        words = tooltip.inner_text()
        assert all(part in words for part in told), words
        assert "undefined" not in words, words
    assert seen.messages == []


def test_headings_labels_and_the_skip_link_lead_through_the_page(browser: Browser, report: Path) -> None:
    seen = opened(browser, report / "index.html")
    assert seen.count("h1") == 1
    assert seen.count("main") == 1
    assert seen.page.locator("html").get_attribute("lang") == "en"
    for chart in CHARTS["index.html"]:
        place = seen.page.locator(f"[role=img]:has(> #{chart})")
        assert place.get_attribute("aria-label").startswith("Chart: ")
        described = place.get_attribute("aria-describedby")
        assert len(seen.page.locator(f"#{described}").inner_text()) > 20
    assert seen.count("details table") == len(CHARTS["index.html"])
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the report"
    seen.page.keyboard.press("Enter")
    assert seen.page.evaluate("location.hash") == "#main"


def test_the_keyboard_walks_from_page_to_page(browser: Browser, report: Path) -> None:
    seen = opened(browser, report / FIRST)
    for wanted in ("Skip to the report", "Overview", "People", "north", "south", "Alerts", "Subjects"):
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == wanted
    seen.page.keyboard.press("Shift+Tab")
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("h1")).to_have_text("Alerts")
    assert seen.page.locator("[aria-current=page]").inner_text() == "Alerts"
    seen.page.locator(f'a[href="{FIRST}"]').first.click()
    expect(seen.page.locator("#course")).to_have_attribute("data-drawn", "yes")


def test_the_tables_hold_what_the_charts_show(index: OpenedPage, inputs: Inputs) -> None:
    lines = index.page.locator("section[aria-labelledby=subject_week-title] tbody tr")
    assert lines.count() == inputs.subject_week["subject_id"].n_unique()
    filled = index.page.locator("section[aria-labelledby=subject_week-title] tbody td:not(:empty)")
    assert filled.count() == inputs.subject_week.height


def test_a_name_with_a_hyphen_is_found_with_and_without_it(browser: Browser, inputs: Inputs, tmp_path: Path) -> None:
    people = PeopleList(inputs).listed
    named = replace(inputs, names={people[0].subject_id: "Anne-Marie"})
    full_report.write(named, tmp_path)
    page = opened(browser, tmp_path / "people.html").page
    for words in ("anne-marie", "annemarie", inputs.code(people[0].subject_id)):
        page.fill("#search", words)
        cards = page.locator(".card:visible").evaluate_all("cards => cards.map(card => card.id)")
        assert cards == [inputs.code(people[0].subject_id)], words


def test_cards_are_filtered_ordered_and_found_without_a_network(browser: Browser, report: Path) -> None:
    seen = opened(browser, report / "people.html")
    page = seen.page

    def shown() -> list[str]:
        return page.locator(".card:visible").evaluate_all("cards => cards.map(card => card.id)")

    everybody = shown()
    assert len(everybody) > 3
    page.fill("#search", everybody[2].lower())
    assert shown() == [everybody[2]]
    assert page.inner_text("#count").startswith(f"1 of {len(everybody)}")
    page.fill("#search", "")
    page.select_option("#group", "high")
    high = shown()
    assert 0 < len(high) < len(everybody)
    assert high == [code for code in everybody if code in high]
    page.select_option("#group", "")
    page.select_option("#order", "code")
    assert shown() == sorted(everybody)
    page.select_option("#order", "days")
    days = page.locator(".card:visible").evaluate_all("cards => cards.map(card => Number(card.dataset.days))")
    assert days == sorted(days, reverse=True)
    page.select_option("#order", "")
    assert shown() == everybody
    page.check("#unseen")
    assert shown() == everybody  # nobody has looked at any of them
    assert seen.is_silent_and_offline(), (seen.messages, seen.requests)

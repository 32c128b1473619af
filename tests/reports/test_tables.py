"""The tables of a report in a real browser, on a screen and on paper, and what stands where a chart failed."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from reports.style.wording import Words
from tests.support import full_report
from tests.support.full_report import FIRST
from tests.support.opened_page import opened

pytestmark = pytest.mark.browser
WITH_TABLES = ("index.html", "alerts.html", "subjects.html", FIRST)
CUT = """all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    inputs = full_report.inputs()
    return full_report.write(inputs, tmp_path_factory.mktemp("report"))


@pytest.mark.parametrize("file", WITH_TABLES)
def test_a_wide_screen_shows_every_column_and_every_name_whole(browser: Browser, report: Path, file: str) -> None:
    seen = opened(browser, report / file)
    tables = seen.page.locator(".scroll:visible")
    assert tables.count() > 0
    assert tables.evaluate_all(CUT) == []
    assert seen.page.locator("th:visible").evaluate_all(CUT) == []


def test_on_paper_small_charts_stand_side_by_side_and_no_date_is_broken(browser: Browser, report: Path) -> None:
    seen = opened(browser, report / "alerts.html", width=718)  # A4 within its margins
    seen.page.emulate_media(media="print")
    dates = seen.page.locator("td", has_text=re.compile(r"^\d{4}-\d\d-\d\d"))
    assert dates.count() > 20
    assert dates.evaluate_all("all => all.filter(one => one.offsetHeight > 28).length") == 0
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 718
    seen = opened(browser, report / "index.html", width=718)
    seen.page.emulate_media(media="print")
    left, right = (seen.page.locator(f"#{name}").bounding_box() for name in ("risk_levels", "emotion_mix"))
    assert left["x"] + left["width"] < right["x"]


def test_a_chart_that_fails_says_so_in_the_language_of_the_page(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    html = (report / "cohort-1.html").read_text(encoding="utf-8")
    told = Words("zh-TW")("This chart could not be drawn; its numbers are in the table below.")
    html = html.replace(Words()("This chart could not be drawn; its numbers are in the table below."), told)
    broken = re.sub(r'(id="specs">).*?(</script>)', r'\1{"risk_trend": {"mark": 7}}\2', html, flags=re.S)
    (tmp_path / "broken.html").write_text(broken, encoding="utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "broken.html").as_uri())
    expect(page.locator("#risk_trend")).to_have_text(told)

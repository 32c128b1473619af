"""The evaluation's page in a real browser: drawn, silent, offline, readable at any width, deaf to hostile names."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from jobs.evaluate import evaluate
from reports.evaluation import report
from tests.support.evaluated import keyword_engine, rows_of, write_data
from tests.support.keyword_scorer import KeywordModel
from tests.support.opened_page import opened

pytestmark = pytest.mark.browser
ATTACK = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
CURVE = [
    {"step": 122 * step, "loss": 2.0 / step, **({"macro_f1": 0.5} if step % 3 == 0 else {})} for step in range(1, 10)
]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of a model with a hostile name, on texts that are hostile too, all quoted."""
    folder = tmp_path_factory.mktemp("page")
    test = [(f"{text} {ATTACK.replace(';', '')}", label) for text, label in rows_of(60, 2)]
    data = write_data(folder / "data", {"train": rows_of(60, 1), "test": test})
    model = replace(KeywordModel(), adapter="words", name=ATTACK)
    engine = keyword_engine(model, model)
    methods = ["zero_shot", "fine_tuned"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("reports.evaluation.report._save_pictures", lambda *_: None)  # they are drawn below
        found = evaluate(
            str(data), ["embedded"], folder, engine=engine, methods=methods, resamples=20, show_texts=True
        )
    found["training"] = [{"model": ATTACK, "curve": CURVE}]
    report.write(found, folder)
    return folder


def shown(browser: Browser, path: Path, width: int, scheme: str) -> Page:
    """The page, once it is drawn, silent, offline and not hacked."""
    seen = opened(browser, path, width, color_scheme=scheme)
    assert seen.is_silent_and_offline(), (seen.messages, seen.requests)
    assert seen.page.evaluate("window.hacked") is None
    return seen.page


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_panel_is_drawn_within_the_page(browser: Browser, out: Path, width: int, scheme: str) -> None:
    page = shown(browser, out / "index.html", width, scheme)
    assert page.locator(".chart[data-drawn]").count() == 4 + 4 + 6 + 4 + 2 + 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for svg in page.locator(".chart svg").all():
        box = svg.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] > 200
        assert svg.locator(".role-mark path, .role-mark line").count() > 0
    for axis in page.locator("#training_curve-0 .role-axis").all():
        boxes = [label.bounding_box() for label in axis.locator(".role-axis-label text").all()]
        ends = sorted((box["x"], box["x"] + box["width"]) for box in boxes if box["width"])
        below = len({box["y"] for box in boxes}) == 1
        assert not below or all(end + 4 < x for (_, end), (x, _) in pairwise(ends))
    said = page.locator("#mistakes-table td:nth-child(2)").first
    assert said.bounding_box()["x"] + said.bounding_box()["width"] < width
    for cell in (said, page.locator("#undefined-table th").nth(1)):
        assert cell.evaluate("element => getComputedStyle(element).textAlign") == "left"
    paper = page.locator("body").evaluate("element => getComputedStyle(element).backgroundColor")
    assert paper == ("rgb(251, 249, 245)" if scheme == "light" else "rgb(21, 24, 27)")
    title = page.locator(".role-axis-title text").first.evaluate("element => getComputedStyle(element).fill")
    assert title not in ("rgb(0, 0, 0)", paper)


@pytest.mark.parametrize(("name", "panels"), [("per_class", 2), ("roc_pr", 6)])
def test_a_picture_has_one_legend_a_panel(out: Path, name: str, panels: int) -> None:
    assert (out / f"{name}.svg").read_text(encoding="utf-8").count('role-legend"') == panels


def test_hostile_texts_and_names_are_shown_as_text(browser: Browser, out: Path) -> None:
    page = shown(browser, out / "index.html", 1400, "light")
    assert page.locator("#mistakes-table td", has_text="<script>").count() > 0
    assert page.locator(".facts", has_text="<script>window.hacked").count() == 1
    assert page.locator("img").count() == 0


def test_each_figure_stands_on_a_page_of_its_own_with_the_warning(browser: Browser, out: Path) -> None:
    page = shown(browser, out / "confusion_matrices.html", 768, "light")
    assert page.locator(".chart[data-drawn]").count() == 4
    assert page.locator(".mark-rect.role-mark path").count() == 2 * 36 + 2 * 9
    assert "Not a diagnosis" in page.locator("footer").inner_text()
    page.locator("a", has_text="the whole evaluation").click()
    assert page.url.endswith("index.html")

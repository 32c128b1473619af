"""The words of an evaluation's reports: they tell what was done, what was cut, and why a number is missing."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from monitor.labels import RISKS
from reports.evaluation import charts
from reports.evaluation.figures import all_figures
from reports.evaluation.text_tables import NAME, Table, as_text, name_of
from reports.evaluation.undefined_metrics import undefined
from reports.style.palette import DARK, LIGHT, Palette
from tests.support.evaluated import keyword_engine, rows_of, words_alone, write_data
from tests.support.keyword_scorer import KeywordModel

REPORTS = ("index.html", "Summary_Report.txt", "Technical_Report.md")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take seconds, and say nothing that a test of words needs."""
    monkeypatch.setattr("reports.evaluation.report._save_pictures", lambda *_: None)


def test_a_table_fits_its_width_and_breaks_no_word() -> None:
    row = ("few-shot, 4 a label, calibrated", *["0.267 ± 0.031 (0.250–0.283)"] * 3, "undefined", "1,822")
    table = Table("t", "Log-loss of methods", "Log-loss: nats. " * 9, tuple("abcdef"), [row, row])
    for wide in (80, 118):
        text = as_text(table, wide)
        assert max(map(len, text.splitlines())) <= wide
        assert set(text.split()) >= {word for cell in row for word in cell.split()} | {"Log-loss:"}


@pytest.mark.slow
def test_reports_speak_of_what_was_done_alone(tmp_path: Path) -> None:
    rows = {"train": rows_of(60, 1), "test": [("so much joy", "joy")]}
    words_alone(write_data(tmp_path / "data", rows), tmp_path / "out")
    for name in REPORTS:
        text = (tmp_path / "out" / name).read_text()
        for part in (
            "ew-shot",
            "ero-shot",
            "alibrated rows",
            "generated rows",
            "softmax",
            "draws of examples",
            "95%",
            "percentiles",
            "1 texts",
        ):
            assert part not in text.partition("## References")[0], (name, part)
    few = write_data(tmp_path / "few", rows | {"test": rows_of(12, 2)})
    engine = keyword_engine(KeywordModel(), KeywordModel())
    words_alone(few, tmp_path / "zero", methods=["zero_shot"], engine=engine, resamples=5)
    text = (tmp_path / "zero" / "Technical_Report.md").read_text()
    assert "Calibrated rows" in text
    assert "softmax over these quotients is left out" in text
    assert "Intervals are percentiles of 5 bootstrap draws" in text
    assert "has a least value that more draws would lower" in text
    assert "draws of examples" not in text


@pytest.mark.slow
def test_emotion_and_risk_begin_rows_of_their_own(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": rows_of(60, 2)})
    model = replace(KeywordModel(), adapter="words")
    engine = keyword_engine(model, model)
    found = words_alone(data, tmp_path / "out", methods=["zero_shot", "fine_tuned"], engine=engine)
    figures = {figure.key: figure for figure in all_figures(found)}
    assert figures["confusion_matrices"].columns == figures["reliability"].columns == 2
    three = {**found, "shown": [found["shown"][0], *found["shown"]]}
    assert {figure.key: figure.columns for figure in all_figures(three)}["confusion_matrices"] == 3


@pytest.mark.slow
def test_texts_that_were_cut_are_told(tmp_path: Path) -> None:
    rows = {"train": rows_of(60, 1), "test": [*rows_of(12, 2), ("long " * 60 + "joy", "joy")]}
    found = words_alone(write_data(tmp_path / "data", rows), tmp_path / "out")
    assert found["methods"][-1]["truncated"] == 1
    for name in REPORTS:
        assert "1 test text cut to its 256 tokens" in " ".join((tmp_path / "out" / name).read_text().split())


@pytest.mark.slow
def test_undefined_differences_and_parts_have_their_reason_on_the_page(tmp_path: Path) -> None:
    test = [row for row in rows_of(40, 2) if row[1] != "surprise"]
    data = write_data(tmp_path / "data", {"train": rows_of(60, 1), "test": test})
    model = replace(KeywordModel(), adapter="words")
    engine = keyword_engine(model, model)
    found = words_alone(data, tmp_path / "out", methods=["zero_shot", "fine_tuned"], engine=engine)
    rows = undefined(found).rows
    assert any(
        name == "fine-tuned (LoRA) less zero-shot"
        and reason == "the two are right on the same texts"
        and metrics == "McNemar p of emotions, McNemar p of risks"
        for name, reason, metrics in rows
    )
    assert any(name.startswith("part: ") and "surprise" in reason for name, reason, _ in rows)


def test_several_models_are_told_apart_in_every_name_and_look() -> None:
    method = {"title": "few-shot, 4 a label, calibrated", "model": "m" * 99, "model_id": "0123456789"}
    title, model = name_of({"models": [1, 2]}, method).split(" · ")
    assert (title, model[-8:], len(model)) == (method["title"], "01234567", NAME + 9)
    families = {f"{family} {model}": family for model in range(6) for family in charts.FAMILIES}
    looks = charts.method_looks(families, LIGHT)
    assert len({(colour, *dashes) for colour, dashes, _ in looks}) == 18
    assert len({(colour, shape) for colour, _, shape in looks}) == 18
    assert {
        colour for (name, family), (colour, *_) in zip(families.items(), looks, strict=True) if family == "fine_tuned"
    } == {LIGHT.accent}


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_cells_text_can_be_read_on_its_shade(palette: Palette) -> None:
    frame = charts.confusion_frame(RISKS, [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    cells, text = charts.confusion(frame, RISKS, palette, width=100, height=100).to_dict()["layer"]
    scale = cells["encoding"]["color"]["scale"]
    (pale,) = text["encoding"]["color"]["condition"]
    for share in (0.0, *scale["domain"], 0.499, 1.0):
        shade = scale["range"][sum(share >= edge for edge in scale["domain"])]
        is_pale = eval(pale["test"], {"datum": SimpleNamespace(share=share)})
        ink = pale["value"] if is_pale else text["encoding"]["color"]["value"]
        low, high = sorted(map(luminance, (shade, ink)))
        assert (high + 0.05) / (low + 0.05) > 3.8


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

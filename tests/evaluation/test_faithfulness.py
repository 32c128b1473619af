"""evaluate --faithfulness: which texts are taken, and that the table and the database have what was measured."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jobs.evaluation import faithfulness
from jobs.evaluation.save_metrics import _word_rows
from monitor.explanation.words import Span
from reports.evaluation.tables import faithfulness_table
from tests.explanation.test_occlusion import WordScorer

DARK = ["it is worthless again this time", "worthless, says he to me today", "a lovely day with lovely people"]


class Reader:
    """Weighs the first word alone."""

    def __init__(self, model: object) -> None:
        pass

    def weigh(self, text: str, words: Sequence[Span]) -> Any:
        first = np.eye(len(words))[0]
        return SimpleNamespace(gradient=first, attention=first)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("monitor.scoring.saliency.SaliencyReader", Reader)
    monkeypatch.setattr(faithfulness, "LEAST_WORDS", 20)
    return SimpleNamespace(scorer=lambda model: WordScorer())


def test_high_risk_answers_and_every_second_long_post_are_measured(engine: Any) -> None:
    posts = [f"{number} worthless again, " + "and so on " * 20 for number in range(8)] + ["short and worthless", "b"]
    found = faithfulness.measure_words(engine, SimpleNamespace(model_id="m"), [*DARK, DARK[0]], posts, 50, 0)
    assert [(one["texts"], one["n"]) for one in found] == [("test", 2), ("posts", 4)]
    for one in found:
        ours, random, gradient = (
            one["methods"][name]["comprehensiveness"]["value"] for name in ("ours", "random", "gradient")
        )
        assert ours > random
        times = one["times_random"]["value"]
        assert times == (pytest.approx(ours / random) if random > 0 else None)
        assert one["minus_gradient"]["value"] == pytest.approx(ours - gradient)
    metric = found[0]["methods"]["ours"]["comprehensiveness"]
    assert metric["low"] <= metric["value"] <= metric["high"]
    table = faithfulness_table({"models": [{}], "faithfulness": found})
    assert len(table.rows) == 8
    assert table.rows[0][2].startswith(f"{metric['value']:.3f} (")
    rows = [row for row in _word_rows(found) if row[2:4] == ("words_ours", "test_comprehensiveness")]
    assert rows == [("m", "test", *rows[0][2:4], metric["value"], metric["low"], metric["high"], None, 2)]


def test_texts_without_a_high_risk_answer_are_named(engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert faithfulness.measure_words(engine, SimpleNamespace(model_id="m"), DARK[2:], [], 0, 0) == []
    assert "not measured on the test: no text there has a high-risk answer" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not faithfulness_table({"models": [{}]}).rows

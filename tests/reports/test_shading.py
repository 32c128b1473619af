"""Shaded evidence: spans by weight, a sentence that says the same, and no way for a text to become HTML."""

import pytest

from reports.risk.shading import shaded
from reports.style.wording import Words

TEXT = "I am worthless again, on a lovely day"
WEIGHTS = [(5, 14, 2.0), (15, 21, 1.0), (27, 33, -1.6), (34, 37, 0.1)]


def test_words_are_shaded_by_what_they_add_or_take_away() -> None:
    html = str(shaded(TEXT, 0, WEIGHTS, Words("en")))
    assert '<span class="adds-3">worthless</span> <span class="adds-2">again,</span>' in html
    assert '<span class="takes">lovely</span> day</span>' in html
    assert "'worthless' and 'again' counted most." in html.replace("&#39;", "'")


def test_the_sentence_is_translated() -> None:
    assert "worthless" in str(shaded(TEXT, 0, WEIGHTS, Words("zh-TW")))
    assert "counted most" not in str(shaded(TEXT, 0, WEIGHTS, Words("zh-TW")))


def test_places_are_counted_in_the_whole_text() -> None:
    shifted = [(first + 100, last + 100, weight) for first, last, weight in WEIGHTS]
    assert shaded(TEXT, 100, [(0, 4, 9.0), *shifted, (190, 195, 9.0)], Words("en")) == shaded(
        TEXT, 0, WEIGHTS, Words("en")
    )


def test_a_text_without_weights_stays_as_it_is() -> None:
    assert shaded("<b> & so", 0, [], Words("en")) == "&lt;b&gt; &amp; so"


@pytest.mark.parametrize("weights", [[(0, 1, -1.0), (2, 4, 0.0)], [(0, 1, 0.0), (2, 4, 0.0)]])
def test_a_text_in_which_no_word_stands_out_says_so(weights: list[tuple[int, int, float]]) -> None:
    html = str(shaded("I be", 0, weights, Words("en")))
    assert html.endswith('<span class="counted">No single word counted most.</span>')
    assert html.count("<span") == 1


def test_a_text_is_never_html() -> None:
    text = "<script>alert(1)</script> {0} '\" low"
    html = str(shaded(text, 0, [(0, 25, 2.0), (30, 33, 1.9)], Words("en")))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "{0}" in html


def test_a_text_whose_answer_is_spread_over_many_words_has_no_shade() -> None:
    text = "a b c d e f g"
    html = str(shaded(text, 0, [(place, place + 1, 1.0) for place in range(0, 14, 2)], Words("en")))
    assert html == f'{text} <span class="counted">No single word counted most.</span>'

"""Progress: a bar on a terminal, plain lines elsewhere."""

import pytest

from jobs.console import progress as shown
from jobs.console.progress import format_duration, format_progress, progress


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.9, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (4330, "1 h 12 min"),
    ],
)
def test_durations_are_for_people(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_the_numbers_say_what_is_known() -> None:
    assert format_progress(1200, None, "rows", None) == "1,200 rows"
    assert format_progress(1200, 4800, "texts", 300) == "1,200 of 4,800 texts (25%) · 300 texts/s · 12 s left"
    assert format_progress(4800, 4800, "texts", 300) == "4,800 of 4,800 texts (100%) · 300 texts/s"
    assert format_progress(0, 0, "texts", None) == "0 texts"


def test_without_a_terminal_there_are_plain_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "PLAIN_EVERY_S", 0.0)
    with progress("scoring", "texts", 10) as advance:
        advance(4)
        advance(6)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" · ")[0] for line in err.splitlines()] == [
        "scoring: 4 of 10 texts (40%)",
        "scoring: 10 of 10 texts (100%)",
    ]
    assert "\x1b" not in err
    with progress("scoring", "texts", 0):
        pass
    assert capsys.readouterr().err == "scoring: 0 texts\n"


def test_on_a_terminal_there_is_a_bar_that_goes_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress("scoring", "texts", 10) as advance:
        advance(10)
    assert "\x1b[" in capsys.readouterr().err
